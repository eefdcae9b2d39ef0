/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Groups: children as they finish, and the first success.
 *
 *	cc 09_groups.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	c.example: AW_OK
 *	b.example: AW_OK
 *	a.example: AW_ETIMEDOUT
 *	one mirror answered
 */
#include <await/await.h>

#include <errno.h>
#include <stdio.h>

struct page {
	const char *url;
	double seconds;
	int status;
};

static int
fetch(void *arg)
{
	const struct page *page = arg;

	AW_TRY(aw_sleep(page->seconds));
	return page->status;
}

static int
crawl(void)
{
	struct page pages[] = { { "a.example", 0.03, -ETIMEDOUT },
				      { "b.example", 0.02, 0 },
				      { "c.example", 0.01, 0 } };
	struct aw_done done;
	int r;
	AW_GROUP(group, .collect = true, .limit = 10);

	for (size_t i = 0; i < AW_LENGTH(pages); i++)
		AW_TRY(aw_go(&group, fetch, &pages[i]));
	while ((r = aw_group_next(&group, &done)) > 0) {
		const struct page *page = done.arg;

		printf("%s: %s\n", page->url, aw_error_name(done.status));
	}
	return r;
}

static int
race(void)
{
	struct page slow = { "slow.example", 60, 0 };
	struct page fast = { "fast.example", 0.01, 0 };
	AW_GROUP(group, .first = true);

	AW_TRY(aw_go(&group, fetch, &slow));
	AW_TRY(aw_go(&group, fetch, &fast));
	return aw_group_wait(&group);
}

static int
app(void *arg)
{
	(void)arg;
	AW_TRY(crawl());
	AW_TRY(race());
	puts("one mirror answered");
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
