/* SPDX-License-Identifier: MIT */
/*
 * Where a result goes: standard output, or -o FILE.
 *
 * A file is the old one or all of the new one: whoever is refused, cut off or
 * out of space finds what was there before.  What is no file (/dev/null, a
 * FIFO) must not be replaced by one and is written to.
 */
#include "awfetch.h"

#include <stdlib.h>
#include <sys/stat.h>

struct output {
	const char *path;		/* NULL: standard output */
	struct aw_bytes text;
};

static int
cannot_write(const char *path, int r)
{
	return aw_fail(r, "cannot write%s%s: %s", path ? " " : "",
		       path ? path : "", aw_strerror(r));
}

static int
write_to(FILE *out, struct aw_bytes text)
{
	errno = 0;
	if (fwrite(text.data, 1, text.size, out) == text.size && !fflush(out))
		return 0;
	return errno ? -errno : -EIO;
}

/* Blocks. */
static int
write_plain(void *arg)
{
	const struct output *output = arg;
	FILE *out = output->path ? fopen(output->path, "we") : stdout;
	int r = out ? write_to(out, output->text) : -errno;

	if (out && out != stdout && fclose(out) && !r)
		r = -errno;
	return r ? cannot_write(output->path, r) : 0;
}

/* A link stays, and what it points to is replaced. */
static int
replace(const struct output *output)
{
	AW_CLEANUP(aw_freep) char *real = NULL;
	int r = aw_path_realpath(output->path, &real);

	if (r && r != -ENOENT)
		return cannot_write(output->path, r);
	r = aw_file_spew(real ? real : output->path, output->text,
			 .no_sync = true);
	return r ? cannot_write(output->path, r) : 0;
}

static bool
is_file(const char *path)
{
	struct stat st;
	int r = aw_path_stat(path, &st);

	if (r == -ENOENT)
		return aw_path_lstat(path, &st) == -ENOENT;
	return !r && S_ISREG(st.st_mode);
}

/* Awaits. */
int
output_put(struct aw_bytes text, const char *path)
{
	struct output output = { path, text };

	if (path && is_file(path))
		return replace(&output);
	return aw_offload(write_plain, &output);
}
