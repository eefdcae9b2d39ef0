/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Three sleeps at the same time, results in order.
 *
 *	cc 02_gather.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	coffee took 0.03 s
 *	toast took 0.02 s
 *	eggs took 0.01 s
 *	breakfast is ready
 */
#include <await/await.h>

#include <stdio.h>

struct dish {
	const char *name;
	double seconds;
	double took;
};

static int
cook(void *arg)
{
	struct dish *dish = arg;

	AW_TRY(aw_sleep(dish->seconds));
	dish->took = dish->seconds;
	return 0;
}

static int
app(void *arg)
{
	struct dish dishes[] = {
		{ "coffee", 0.03, 0 }, { "toast", 0.02, 0 }, { "eggs", 0.01, 0 }
	};
	struct aw_call calls[AW_LENGTH(dishes)];

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(dishes); i++)
		calls[i] = (struct aw_call){ .fn = cook, .arg = &dishes[i] };
	AW_TRY(aw_gather(calls, AW_LENGTH(calls)));
	for (size_t i = 0; i < AW_LENGTH(dishes); i++)
		printf("%s took %.2f s\n", dishes[i].name, dishes[i].took);
	puts("breakfast is ready");
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
