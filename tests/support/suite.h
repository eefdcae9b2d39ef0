/* SPDX-License-Identifier: MIT */
/*
 * suite.h - the main function of every test program.
 *
 *	int
 *	main(void)
 *	{
 *		Suite *suite = suite_create("queue");
 *
 *		...
 *		return suite_run(suite);
 *	}
 *
 * By hand the program prints check's own report. Under make check it prints
 * one line of TAP per case (CK_TAP_LOG_FILE_NAME=-) and leaves the verdict to
 * the driver that reads them, so that its exit status means "ran to the end"
 * and a sanitizer's complaint at exit is still an error. Each case runs in a
 * process of its own unless CK_FORK=no says otherwise (Valgrind, gdb).
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does each case run in its own process? Where it does not, cases that end
 * the process (tcase_add_test_raise_signal, tcase_add_exit_test) cannot run:
 *	if (suite_forks())
 *		tcase_add_test_raise_signal(tcase, overflow, SIGSEGV);
 */
static inline bool
suite_forks(void)
{
	const char *fork = getenv("CK_FORK");

	return !fork || strcmp(fork, "no") != 0;
}

static inline int
suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	/* A forked case must not inherit, and repeat, lines not yet written. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (failed == 0 || getenv("CK_TAP_LOG_FILE_NAME"))
		return EXIT_SUCCESS;
	return EXIT_FAILURE;
}

#endif
