/* SPDX-License-Identifier: MIT */
/*
 * The system calls of a stream: this program has an epoll_ctl(), recv() and
 * send() of its own, which count. A message is one recv and one send, and the
 * watcher costs nothing once it is armed, however many are ready at once.
 */
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "stream_pair.h"

#define PAIRS 400		/* 7 batches of tasks */
#define ROUNDS 10

static int n_epoll_ctl, n_recv, n_send, n_echoed;
static int far_end[PAIRS];

int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	n_epoll_ctl++;
	return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

ssize_t
recv(int fd, void *to, size_t n, int flags)
{
	n_recv++;
	return syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
}

ssize_t
send(int fd, const void *data, size_t n, int flags)
{
	n_send++;
	return syscall(SYS_sendto, fd, data, n, flags, NULL, 0);
}

static int
echo(void *arg)
{
	AW_AUTO(aw_stream, s);
	struct aw_bytes bytes;
	int ends[2] = { -1, -1 }, r;

	AW_TRY(unix_pair(ends));
	*(int *)arg = ends[1];
	AW_TRY(aw_stream_from_fd(&s, ends[0]));
	while ((r = aw_stream_chunk(s, &bytes)) > 0) {
		AW_TRY(aw_stream_write(s, bytes));
		n_echoed++;
	}
	return r;
}

/* One message to each, and what they sent back. */
static int
round_trip(void)
{
	char got[8];
	int before = n_echoed;

	for (int i = 0; i < PAIRS; i++)
		if (write(far_end[i], "hello", 5) != 5)
			return -errno;
	while (n_echoed - before < PAIRS)
		AW_TRY(aw_sleep(0.0001));
	AW_TRY(aw_sleep(0.0001));
	for (int i = 0; i < PAIRS; i++)
		if (read(far_end[i], got, sizeof got) != 5)
			return -EBADMSG;
	return 0;
}

static int
many_at_once(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < PAIRS; i++)
		AW_TRY(aw_go(&group, echo, &far_end[i]));
	AW_TRY(aw_sleep(0.0001));
	AW_TRY(round_trip());
	n_epoll_ctl = n_recv = n_send = 0;
	for (int i = 0; i < ROUNDS; i++)
		AW_TRY(round_trip());
	note("%d epoll_ctl, %d recv, %d send", n_epoll_ctl,
	     n_recv / PAIRS, n_send / PAIRS);
	for (int i = 0; i < PAIRS; i++)
		close(far_end[i]);
	return aw_group_wait(&group);
}

START_TEST(a_message_is_one_recv_and_one_send_and_no_epoll_ctl)
{
	ck_assert_int_eq(plain_run(many_at_once, NULL), 0);
	ck_assert_str_eq(noted, "0 epoll_ctl, 10 recv, 10 send; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_calls");
	TCase *calls = tcase_create("calls");

	tcase_add_test(calls,
		       a_message_is_one_recv_and_one_send_and_no_epoll_ctl);
	suite_add_tcase(suite, calls);
	return suite_run(suite);
}
