/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Child processes: run to the end, talk line by line, cut short.
 *
 *	cc 16_process.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	sort: apple banana cherry
 *	false: exit code 1
 *	sh: 6 * 7 = 42
 *	sleep: not within its time
 *	sleep: signal 15
 */
#include <await/await.h>

#include <stdio.h>

static int
run_to_the_end(void)
{
	AW_AUTO(aw_output, sorted);
	AW_AUTO(aw_output, failed);

	AW_TRY(aw_process_run(&sorted, AW_ARGV("sh", "-c", "sort | xargs"),
			      .input = aw_text("cherry\nbanana\napple\n")));
	printf("sort: %.*s", AW_ARG(sorted->out));
	AW_TRY(aw_process_run(&failed, AW_ARGV("false")));
	printf("false: exit code %d\n", failed->status);
	return 0;
}

static int
talk(void)
{
	AW_AUTO(aw_process, sh);
	struct aw_bytes answer;

	AW_TRY(aw_process_start(&sh, AW_ARGV("sh", "-c", "while read line; "
					     "do echo $(($line)); done"),
				.in = AW_PIPE, .out = AW_PIPE));
	AW_TRY(aw_stream_write(aw_process_in(sh), aw_text("6 * 7\n")));
	AW_TRY(aw_stream_until(aw_process_out(sh), &answer, aw_text("\n")));
	printf("sh: 6 * 7 = %.*s", AW_ARG(answer));
	return aw_process_close(&sh);
}

static int
cut_short(void)
{
	AW_AUTO(aw_process, p);
	int status;

	AW_TRY(aw_process_start(&p, AW_ARGV("sleep", "1000")));
	{
		AW_TIMEOUT(0.1);
		if (aw_process_wait(p, &status) == AW_ETIME)
			puts("sleep: not within its time");
	}
	AW_TRY(aw_process_signal(p, 15));
	AW_TRY(aw_process_wait(p, &status));
	printf("sleep: signal %d\n", -status);
	return 0;
}

static int
app(void *arg)
{
	(void)arg;
	AW_TRY(run_to_the_end());
	AW_TRY(talk());
	return cut_short();
}

int
main(void)
{
	return aw_main(app, NULL);
}
