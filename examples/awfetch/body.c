/* SPDX-License-Identifier: MIT */
/* What is read before the loop begins: data, forms, lists of URLs. */
#include "awfetch.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char *
slurp(const char *path, size_t *ret_size)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = NULL;
	size_t size = 0, n = 1;

	if (!in)
		die(path, strerror(errno));
	while (n) {
		char *longer = realloc(text, size + 65536 + 1);

		if (!longer)
			die(path, "out of memory");
		text = longer;
		n = fread(text + size, 1, 65536, in);
		size += n;
	}
	if (ferror(in))
		die(path, strerror(errno));
	if (in != stdin)
		fclose(in);
	text[size] = '\0';
	*ret_size = size;
	return text;
}

static void
append(struct options *o, const void *data, size_t size)
{
	char *longer = realloc(o->data, o->data_size + size + 1);

	if (!longer)
		die("-d", "out of memory");
	o->data = longer;
	memcpy(o->data + o->data_size, data, size);
	o->data_size += size;
	o->data[o->data_size] = '\0';
}

static void
append_text(struct options *o, const char *text)
{
	append(o, text, strlen(text));
}

/* -d: text, or @FILE. */
void
body_add(struct options *o, const char *text)
{
	size_t size;
	char *file;

	if (o->data_type)
		append_text(o, "&");
	o->data_type = "application/x-www-form-urlencoded";
	if (*text != '@') {
		append_text(o, text);
		return;
	}
	file = slurp(text + 1, &size);
	append(o, file, size);
	free(file);
}

/* In a name a quote or a line break would end it (WHATWG HTML, 4.10.22.8). */
static void
append_name(struct options *o, const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (name[i] == '"')
			append_text(o, "%22");
		else if (name[i] == '\r')
			append_text(o, "%0D");
		else if (name[i] == '\n')
			append_text(o, "%0A");
		else
			append(o, &name[i], 1);
	}
}

static void
append_file(struct options *o, const char *path)
{
	const char *base = strrchr(path, '/');
	size_t size;
	char *file = slurp(path, &size);

	base = base ? base + 1 : path;
	append_text(o, "; filename=\"");
	append_name(o, base, strlen(base));
	append_text(o, "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
	append(o, file, size);
	free(file);
}

/* NAME=VALUE or NAME=@FILE. */
static void
append_part(struct options *o, const char *form, const char *boundary)
{
	size_t n = strcspn(form, "=");

	if (!form[n])
		die(form, "a part is written NAME=VALUE or NAME=@FILE");
	append_text(o, "--");
	append_text(o, boundary);
	append_text(o, "\r\nContent-Disposition: form-data; name=\"");
	append_name(o, form, n);
	append_text(o, "\"");
	if (form[n + 1] == '@') {
		append_file(o, form + n + 2);
	} else {
		append_text(o, "\r\n\r\n");
		append_text(o, form + n + 1);
	}
	append_text(o, "\r\n");
}

/* All parts of -F in one body (RFC 7578). */
void
body_of_forms(struct options *o)
{
	static char type[100];
	char boundary[50];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(boundary, sizeof(boundary), "awfetch-%08lx%08lx%06lx",
		 (unsigned long)now.tv_sec, (unsigned long)now.tv_nsec,
		 (unsigned long)getpid());
	snprintf(type, sizeof(type), "multipart/form-data; boundary=%s",
		 boundary);
	for (size_t i = 0; i < o->forms.n; i++)
		append_part(o, o->forms.items[i], boundary);
	append_text(o, "--");
	append_text(o, boundary);
	append_text(o, "--\r\n");
	o->data_type = type;
}

/* -i: a URL a line; empty lines are skipped.  The text stays for good. */
void
urls_of_file(struct options *o)
{
	static char *kept;
	size_t size;
	char *text = slurp(o->input, &size), *save = NULL, *line;

	kept = text;
	for (line = strtok_r(kept, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		char *end = line + strlen(line);

		line += strspn(line, " \t");
		while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
			*--end = '\0';
		if (*line)
			strings_add(&o->urls, line);
	}
}
