/* SPDX-License-Identifier: MIT */
/*
 * The links of a page: <a href>, resolved, same site, sorted, once each.
 *
 *	page --> cut: <meta> <base> <a> --> libxml2: attributes, entities,
 *	                                    encoding --> url_resolve
 *
 * Nine tenths of a page are text and tags that carry no link, and most of the
 * time of a parser goes there; so only the tags that matter are handed to it.
 * What must not be taken for a tag is skipped by the rules of HTML, section
 * 13.2.5: comments, quoted values, and elements whose content is text.
 */
#define _GNU_SOURCE		/* memmem */
#include "fetch_worker.h"

#include <libxml/HTMLparser.h>
#include <stdlib.h>
#include <strings.h>

#define BLANKS " \t\r\n\f"

struct finder {
	struct links *links;
	const char *site;		/* the page's own URL */
	const char *url;		/* where it came from */
	char *base;			/* from <base href>, or NULL */
	bool failed;			/* memory */
	htmlParserCtxtPtr parser;
	uint32_t *table;		/* see place_of() */
	size_t places;
	size_t n_tags;			/* bytes of tags, not parsed yet */
	char tags[4096];
};

/* A NUL is in no set. */
static bool
is_in(const char *set, char c)
{
	return c != '\0' && strchr(set, c);
}

/* --- Cutting ----------------------------------------------------------- */

/* After the next occurrence of text, or end. */
static const char *
after(const char *p, const char *end, const char *text)
{
	const char *found = memmem(p, (size_t)(end - p), text, strlen(text));

	return found ? found + strlen(text) : end;
}

/* After the tag that begins at p: a quote counts behind a "=". */
static const char *
tag_end(const char *p, const char *end)
{
	bool value = false;

	for (; p < end && *p != '>'; p++) {
		if (value && (*p == '"' || *p == '\'')) {
			p = memchr(p + 1, *p, (size_t)(end - p) - 1);
			if (!p)
				return end;
		}
		if (*p == '=')
			value = true;
		else if (!is_in(BLANKS, *p))
			value = false;
	}
	return p < end ? p + 1 : end;
}

static bool
is_name(struct aw_bytes name, const char *const *names)
{
	for (; *names; names++)
		if (strlen(*names) == name.size &&
		    strncasecmp(*names, name.data, name.size) == 0)
			return true;
	return false;
}

/* After the text inside of such an element: at its end tag. */
static const char *
text_end(const char *p, const char *end, struct aw_bytes name)
{
	for (; (p = memmem(p, (size_t)(end - p), "</", 2)); p += 2)
		if ((size_t)(end - p) > name.size + 2 &&
		    strncasecmp(p + 2, name.data, name.size) == 0 &&
		    is_in(BLANKS "/>", p[2 + name.size]))
			return p;
	return end;
}

static struct aw_bytes
name_at(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && !is_in(BLANKS "/>", *p))
		p++;
	return aw_bytes(from, (size_t)(p - from));
}

static void
flush(struct finder *f)
{
	htmlParseChunk(f->parser, f->tags, (int)f->n_tags, 0);
	f->n_tags = 0;
}

static void
hand_over(struct finder *f, const char *tag, size_t size)
{
	if (size > sizeof f->tags - f->n_tags)
		flush(f);
	if (size > sizeof f->tags) {
		htmlParseChunk(f->parser, tag, (int)size, 0);
		return;
	}
	memcpy(f->tags + f->n_tags, tag, size);
	f->n_tags += size;
}

/* One tag: hands it over if it matters; where to go on. */
static const char *
cut_tag(struct finder *f, const char *p, const char *end)
{
	static const char *const wanted[] = { "a", "base", "meta", NULL };
	static const char *const text[] = { "script", "style", "textarea",
		"title", "xmp", "iframe", "noembed", "noframes", NULL };
	struct aw_bytes name = name_at(p + 1, end);
	const char *next = tag_end(p + 1 + name.size, end);

	if (is_name(name, wanted))
		hand_over(f, p, (size_t)(next - p));
	else if (is_name(name, text))
		next = text_end(next, end, name);
	return next;
}

static void
cut(struct finder *f, struct aw_bytes html)
{
	const char *p = html.data, *end = p + html.size;

	while (p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
		size_t left = (size_t)(end - p);

		if (left >= 4 && memcmp(p, "<!--", 4) == 0)
			p = after(p + 2, end, "-->");
		else if (left >= 2 && is_in("!?/", p[1]))
			p = after(p, end, ">");
		else if (left >= 2 && ((p[1] | 32) >= 'a' &&
				       (p[1] | 32) <= 'z'))
			p = cut_tag(f, p, end);
		else
			p++;
	}
	flush(f);
}

/* --- Keeping ----------------------------------------------------------- */

/* An index has ten links to each page: those that we have are found in a
 * table of numbers into links->at, twice as large, 0 for none. */
static size_t
place_of(const struct finder *f, const char *url)
{
	size_t hash = 5381, i;

	for (i = 0; url[i] != '\0'; i++)
		hash = hash * 33 + (unsigned char)url[i];
	hash *= 0x9e3779b97f4a7c15u;
	for (i = hash >> 32;; i++) {
		size_t n = f->table[i % f->places];

		if (n == 0 || strcmp(f->links->at[n - 1], url) == 0)
			return i % f->places;
	}
}

static bool
grow(struct finder *f)
{
	struct links *l = f->links;
	size_t room = l->room ? l->room * 2 : 64, i;
	char **at = realloc(l->at, room * sizeof *at);
	uint32_t *table = calloc(room * 2, sizeof *table);

	if (at) {
		l->at = at;
		l->room = room;
	}
	if (!at || !table) {
		free(table);
		return false;
	}
	free(f->table);
	f->table = table;
	f->places = room * 2;
	for (i = 0; i < l->n; i++)
		table[place_of(f, l->at[i])] = (uint32_t)i + 1;
	return true;
}

/* Takes url. */
static void
keep(struct finder *f, char *url)
{
	struct links *l = f->links;
	size_t place;

	if (l->n * 2 >= f->places && !grow(f)) {
		f->failed = true;
		free(url);
		return;
	}
	place = place_of(f, url);
	if (f->table[place] > 0) {
		free(url);
		return;
	}
	l->at[l->n++] = url;
	f->table[place] = (uint32_t)l->n;
}

/* The same URL, its site spelled as that of the page: else /x of
 * http://H:80 and /x of http://h would be two pages. */
static char *
spelled(const struct finder *f, const char *url)
{
	size_t site = url_site(f->site);
	const char *path = url + url_site(url);
	char *copy = malloc(site + strlen(path) + 1);

	if (copy) {
		memcpy(copy, f->site, site);
		memcpy(copy + site, path, strlen(path) + 1);
	}
	return copy;
}

static void
add_link(struct finder *f, const char *href)
{
	char *url, *fit;
	int r = url_resolve(f->base ? f->base : f->url, href, &url);

	if (r < 0)
		f->failed = true;
	if (r <= 0)
		return;
	if (url_same_site(url, f->site)) {
		fit = spelled(f, url);
		if (fit)
			keep(f, fit);
		else
			f->failed = true;
	}
	free(url);
}

static const char *
attribute(const xmlChar **atts, const char *name)
{
	for (; atts && atts[0]; atts += 2)
		if (strcasecmp((const char *)atts[0], name) == 0)
			return (const char *)atts[1];
	return NULL;
}

static void
on_tag(void *arg, const xmlChar *name, const xmlChar **atts)
{
	struct finder *f = arg;
	const char *href = attribute(atts, "href");

	if (!href)
		return;
	if (strcasecmp((const char *)name, "a") == 0)
		add_link(f, href);
	else if (!f->base && strcasecmp((const char *)name, "base") == 0 &&
		 url_resolve(f->url, href, &f->base) < 0)
		f->failed = true;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* --- Parsing ----------------------------------------------------------- */

/* UTF-16 has its own "<"; the parser knows it by its mark. */
static bool
is_wide(struct aw_bytes html)
{
	return html.size >= 2 && (memcmp(html.data, "\xfe\xff", 2) == 0 ||
				  memcmp(html.data, "\xff\xfe", 2) == 0);
}

static int
parse(struct finder *f, struct aw_bytes html)
{
	htmlSAXHandler handler = { .startElement = on_tag };

	f->parser = htmlCreatePushParserCtxt(&handler, f, NULL, 0, f->url,
					     XML_CHAR_ENCODING_NONE);
	if (!f->parser)
		return aw_fail(-ENOMEM, "no memory to parse a page");
	htmlCtxtUseOptions(f->parser, HTML_PARSE_NOERROR |
			   HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
			   HTML_PARSE_RECOVER);
	if (is_wide(html))
		htmlParseChunk(f->parser, html.data, (int)html.size, 0);
	else
		cut(f, html);
	htmlParseChunk(f->parser, NULL, 0, 1);
	xmlFreeDoc(f->parser->myDoc);
	htmlFreeParserCtxt(f->parser);
	return f->failed ? aw_fail(-ENOMEM, "no memory for links") : 0;
}

int
links_find(struct links *ret, const char *site, const char *base,
	   struct aw_bytes html)
{
	struct finder *f;
	int r;

	if (url_site(site) == 0 || html.size == 0 || html.size > INT32_MAX)
		return 0;
	f = calloc(1, sizeof *f);
	if (!f)
		return aw_fail(-ENOMEM, "no memory to parse a page");
	f->links = ret;
	f->site = site;
	f->url = base;
	r = parse(f, html);
	if (ret->n > 0)
		qsort(ret->at, ret->n, sizeof *ret->at, compare);
	free(f->table);
	free(f->base);
	free(f);
	return r;
}

void
links_fini(struct links *links)
{
	size_t i;

	for (i = 0; i < links->n; i++)
		free(links->at[i]);
	free(links->at);
	memset(links, 0, sizeof *links);
}
