/* SPDX-License-Identifier: MIT */
/*
 * <DESC> A pre-fork server: processes that accept on one inherited socket.
 *
 *	cc 20_prefork.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	3 workers answered 30 questions
 *	3 workers have ended
 */
#include <await/await.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int
answer(struct aw_stream *stream, void *arg)
{
	(void)arg;
	return aw_stream_printf(stream, "worker %d\n", (int)getpid());
}

static int
work(void *fd)
{
	AW_AUTO(aw_listener, listener);

	AW_TRY(aw_listener_from_fd(&listener, *(int *)fd));
	return aw_serve(listener, answer, NULL);	/* until SIGTERM */
}

static int
ask(int port)
{
	AW_AUTO(aw_stream, stream);
	struct aw_bytes line;

	AW_TRY(aw_tcp_connect(&stream, "127.0.0.1", port));
	return aw_stream_line(stream, &line);
}

static pid_t pid[3];		/* 0: not started */

static int
look_after(void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof at;
	int i, n = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 99) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return aw_fail(AW_ECONNECT, "no port to listen on");
	for (i = 0; i < 3; i++) {
		pid_t child = fork();

		if (child < 0)
			return aw_fail(-errno, "a worker could not be forked");
		if (child == 0) {
			AW_TRY(aw_reinit());	/* the loop is the parent's */
			_exit(aw_run(work, &fd) != AW_ECANCELED);
		}
		pid[i] = child;
	}
	for (i = 0; i < 30; i++)
		n += ask(ntohs(at.sin_port)) > 0;
	printf("3 workers answered %d questions\n", n);
	return close(fd);
}

int
main(void)
{
	int i, n = 0, r = aw_main(look_after, NULL);
	for (i = 0; i < 3 && pid[i] > 0; i++) {
		kill(pid[i], SIGTERM);
		n += waitpid(pid[i], NULL, 0) == pid[i];
	}
	printf("%d workers have ended\n", n);
	return r;
}
