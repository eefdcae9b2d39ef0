/* SPDX-License-Identifier: MIT */
/* MariaDB over a bad network; what happens is in chaos_open.h,
 * chaos_life.h and chaos_cut.h. */
#include <await/mysql.h>

#include "chaos_open.h"
#include "chaos_self.h"

static const char *const server_port_name = "AWAIT_TEST_MYSQL_PORT";
static const char *const server_dsn_names[N_WAYS] = {
	"AWAIT_TEST_MYSQL_TCP", "AWAIT_TEST_MYSQL_TLS",
};

static int
open_pool(struct aw_db **ret, int way, const struct aw_db_options *options)
{
	char dsn[1024];

	chaos_dsn(dsn, sizeof(dsn), way);
	return aw_mysql_open_with(ret, dsn, options);
}

static int
open_directly(struct aw_db **ret)
{
	return aw_mysql_open(ret, chaos_env("AWAIT_TEST_MYSQL"), .max = 1);
}

#define CASE(name, fn, ...) \
	START_TEST(name) \
	{ \
		check_chaos(fn, _i, __VA_ARGS__); \
	} \
	END_TEST

CASE(a_port_that_never_speaks_holds_up_nobody, never_speaks, .acquire = 0.3,
     .connect = 1)
CASE(a_handshake_that_stops_half_way_meets_the_limit, stops_half_way,
     .acquire = 0.15, .connect = 1)
CASE(a_port_that_resets_is_not_stormed, slams, .acquire = 0.5)
CASE(a_cancel_amid_a_connect_loses_nothing, cancelled_amid, .acquire = 10,
     .connect = 1)
CASE(a_spike_over_slow_connects_opens_no_more_than_it_may, spike, .max = 4)
CASE(a_herd_waits_for_its_server_without_storming_it, herd, .max = 4)
CASE(a_handshake_with_a_wrong_byte_harms_no_other, corrupt_handshake, .max = 1)
CASE(a_frozen_query_is_given_up_and_its_connection_too, frozen_query, .max = 2,
     .cleanup = 0.1, .check_after = 600)
CASE(an_answer_that_comes_too_late_is_nobodys, stray_answers, .max = 2,
     .cleanup = 1)
CASE(a_frozen_idle_connection_is_found_out_before_use, frozen_idle, .max = 1,
     .check_after = 0.001, .cleanup = 0.1, .connect = 1)
CASE(a_close_of_a_frozen_connection_has_an_end, closes_frozen, .max = 1,
     .cleanup = 0.1)
CASE(a_server_that_does_not_read_holds_up_nobody_else, slow_reader, .max = 2,
     .cleanup = 0.1)
CASE(an_idle_connection_that_is_cut_is_missed_by_nobody, reset_idle, .max = 1)
CASE(a_cut_before_the_answer_is_a_loss_of_unknown_outcome, cut_reading,
     .max = 1)
CASE(a_cut_amid_a_statement_is_a_loss, cut_writing, .max = 1)
CASE(a_frozen_pool_does_not_disturb_another, neighbour, .max = 1,
     .cleanup = 0.1)
CASE(an_answer_cut_anywhere_is_never_taken_for_whole, cut_answers, .max = 1)
CASE(a_statement_cut_anywhere_is_never_done_twice, cut_requests, .max = 1)
CASE(a_commit_whose_answer_is_cut_is_of_unknown_outcome, lost_commit, .max = 1)
CASE(one_byte_at_a_time_is_enough, byte_by_byte, .max = 1)
CASE(a_server_far_away_is_only_slow, far_away, .max = 1)
CASE(a_trickle_does_not_outlast_the_deadline, trickle, .max = 1,
     .cleanup = 0.1)
CASE(an_answer_with_a_wrong_byte_harms_no_other, corrupt_answers, .max = 1)
CASE(an_answer_that_comes_again_later_is_nobodys, answered_late_again,
     .max = 1)
CASE(an_answer_that_comes_twice_is_taken_once, answered_twice, .max = 1,
     .cleanup = 0.1)
CASE(a_network_that_comes_and_goes_loses_nothing_acknowledged, flaps, .max = 4)
CASE(no_descriptor_left_is_an_ordinary_failure, few_fds, .max = 1,
     .acquire = 0.05, .connect = 5)
CASE(large_descriptors_are_as_good_as_small_ones, high_fds, .max = 1)
CASE(a_storm_of_signals_interrupts_nothing, alarms, .max = 1)

int
main(void)
{
	Suite *suite = suite_create("chaos_mysql");
	TCase *tc = tcase_create("chaos");
	const TTest *const tests[] = {
		a_port_that_never_speaks_holds_up_nobody,
		a_handshake_that_stops_half_way_meets_the_limit,
		a_port_that_resets_is_not_stormed,
		a_cancel_amid_a_connect_loses_nothing,
		a_spike_over_slow_connects_opens_no_more_than_it_may,
		a_herd_waits_for_its_server_without_storming_it,
		a_handshake_with_a_wrong_byte_harms_no_other,
		a_frozen_query_is_given_up_and_its_connection_too,
		an_answer_that_comes_too_late_is_nobodys,
		a_frozen_idle_connection_is_found_out_before_use,
		a_close_of_a_frozen_connection_has_an_end,
		a_server_that_does_not_read_holds_up_nobody_else,
		an_idle_connection_that_is_cut_is_missed_by_nobody,
		a_cut_before_the_answer_is_a_loss_of_unknown_outcome,
		a_cut_amid_a_statement_is_a_loss,
		a_frozen_pool_does_not_disturb_another,
		an_answer_cut_anywhere_is_never_taken_for_whole,
		a_statement_cut_anywhere_is_never_done_twice,
		a_commit_whose_answer_is_cut_is_of_unknown_outcome,
		one_byte_at_a_time_is_enough,
		a_server_far_away_is_only_slow,
		a_trickle_does_not_outlast_the_deadline,
		an_answer_with_a_wrong_byte_harms_no_other,
		an_answer_that_comes_again_later_is_nobodys,
		an_answer_that_comes_twice_is_taken_once,
		a_network_that_comes_and_goes_loses_nothing_acknowledged,
		no_descriptor_left_is_an_ordinary_failure,
		large_descriptors_are_as_good_as_small_ones,
		a_storm_of_signals_interrupts_nothing,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
