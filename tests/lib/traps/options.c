/* SPDX-License-Identifier: MIT */
/*
 * 1 warning: a positional option of aw_run
 * 2 warning: a positional option of aw_main
 * 3 warning: a positional option of aw_attach
 * 4 warning: a positional option of aw_spawn
 * 5 warning: a positional option of aw_go
 * 6 warning: a positional option of aw_go_copy
 * 7 warning: a positional option of aw_gather
 * 8 warning: a positional option of AW_SCOPE
 * 9 warning: a positional option of AW_GROUP
 * 10 error: an option that does not exist
 * 11 error: a positional option that is not a whole number
 * 12 warning: a positional option of aw_offload_copy
 */
#include <await/await.h>

int f(void *arg);

int
f(void *arg)
{
	struct aw_call call = { .fn = f };
	struct aw_loop *loop;
	int r = 0;
	AW_GROUP(g, .limit = 3);

#if TRAP == 1
	r = aw_run(f, arg, 5);
#elif TRAP == 2
	r = aw_main(f, arg, 5);
#elif TRAP == 3
	r = aw_attach(NULL, &loop, 5);
#elif TRAP == 4
	aw_task_release(aw_spawn("x", f, arg, 5));
#elif TRAP == 5
	r = aw_go(&g, f, arg, 5);
#elif TRAP == 6
	r = aw_go_copy(&g, f, &call, 5);
#elif TRAP == 7
	r = aw_gather(&call, 1, 5);
#elif TRAP == 8
	AW_SCOPE(s, 5);
#elif TRAP == 9
	AW_GROUP(h, 5);
#elif TRAP == 10
	r = aw_gather(&call, 1, .limits = 5);
#elif TRAP == 11
	r = aw_run(f, arg, 5.0);
#elif TRAP == 12
	r = aw_offload_copy(f, &call, 1);
#else
	r = aw_run(f, arg, .grace = 5);
	r += aw_main(f, arg);
	r += aw_attach(NULL, &loop, .test_clock = true);
	aw_task_release(aw_spawn("x", f, arg, .stack = 5, .eager = true));
	r += aw_go(&g, f, arg, .name = "child");
	r += aw_go(&g, f, arg);
	r += aw_go_copy(&g, f, &call, .stack = AW_KIB(64));
	r += aw_gather(&call, 1, .limit = 5, .keep_going = true);
	r += aw_offload_copy(f, &call, .abandon = true);
#endif
	(void)loop;
	return r;
}
