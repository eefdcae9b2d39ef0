/* SPDX-License-Identifier: MIT */
/*
 * Cancels of every file operation at any moment, with io_uring and with
 * threads: what holds at any moment is tried at many.
 */
#include "file_operations.h"

/* --- At any moment ----------------------------------------------------- */

/* Did what one path shows happen if, and only if, the call said so? */
static bool
is_done(const struct operation *op, bool said)
{
	if (op->fn == does_unlink || op->fn == does_remove)
		return (access(in("doomed"), F_OK) < 0) == said;
	if (op->fn == does_rmdir)
		return (access(in("empty"), F_OK) < 0) == said;
	if (op->fn == does_create || op->fn == does_mkdir ||
	    op->fn == does_link || op->fn == does_symlink ||
	    op->fn == does_rename)
		return (access(in("made"), F_OK) == 0) == said;
	return true;
}

static int
cancels_somewhen(void *arg)
{
	static struct world world;
	unsigned moment = *(unsigned *)arg;
	struct attempt a = { .world = &world };
	struct aw_task *task;
	unsigned i;

	a.operation = &operations[moment % AW_LENGTH(operations)];
	AW_TRY(make_world(&world));
	task = aw_spawn("tries", tries, &a);
	for (i = 0; i < moment / AW_LENGTH(operations); i++)
		AW_TRY(aw_yield());
	aw_cancel(task, "a test");
	AW_TRY(aw_join(task, NULL));
	WANT(a.result == 0 || a.result == AW_ECANCELED);
	WANT(a.operation->fn != does_spew || a.result == 0 ||
	     access(in("spewed"), F_OK) < 0);
	WANT(is_done(a.operation, a.result == 0));
	if (*noted)
		note("in %s at %u", a.operation->what, moment);
	end_world(&world);
	return 0;
}

START_TEST(a_cancel_at_any_moment_leaves_nothing)
{
	unsigned moment;

	for (moment = 0; moment < 20 * AW_LENGTH(operations); moment++)
		run_files(cancels_somewhen, &moment);
	/* "x", "link", and of those that remove perhaps what they should. */
	ck_assert_int_le(count_in(folder), 4);
}
END_TEST

/* An interrupted read loses nothing: the block is what the next one finds. */
static int
reads_on(void *arg)
{
	static struct world world;
	int64_t n = 0, got;
	char text[1000];
	unsigned i;

	(void)arg;
	AW_TRY(make_world(&world));
	for (i = 0; n < (int64_t)sizeof world.buffer; i++) {
		AW_SCOPE(scope);

		if (i % 3 == 0)
			aw_scope_cancel(scope_p, "a test");
		got = aw_file_read(world.f, text, sizeof text);
		WANT(got == AW_ECANCELED || (got > 0 && text[0] == 'w'));
		n += got > 0 ? got : 0;
		WANT(aw_file_tell(world.f) == n);
		if (*noted)
			break;
	}
	end_world(&world);
	return 0;
}

START_TEST(an_interrupted_read_loses_no_byte)
{
	run_files(reads_on, NULL);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, a_cancel_at_any_moment_leaves_nothing);
	tcase_add_test(tcase, an_interrupted_read_loses_no_byte);
}

int
main(void)
{
	Suite *suite = suite_create("file_moments");

	add_twice(suite, add);
	return suite_run(suite);
}
