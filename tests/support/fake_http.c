/* SPDX-License-Identifier: MIT */
/*
 * fake_http.c - one thread accepts, one follows the script of each
 * connection; one lock for all that they share.
 */
#include "fake_http.h"

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 256

struct line {
	struct fake *fake;
	const struct fake_step *script;
	pthread_t thread;
	int fd;
};

struct fake {
	const struct fake_step *const *scripts;
	pthread_mutex_t lock;
	pthread_t thread;
	sem_t go;
	char url[64];
	int fd, port, told;
	int n_lines, n_requests;
	struct line lines[MOST];
	char *requests[MOST];
};

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(1);
}

static size_t
body_size(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");

	return at ? strtoul(at + 17, NULL, 10) : 0;
}

/* One whole request, or NULL at the end of the connection. */
static char *
read_request(int fd)
{
	size_t capacity = 1 << 20, size = 0, want = 0;
	char *text = calloc(1, capacity + 1);

	while (text && size < capacity && (!want || size < want)) {
		const char *end;
		ssize_t n = recv(fd, text + size, want ? want - size : 1, 0);

		if (n <= 0)
			break;
		size += (size_t)n;
		end = want ? NULL : strstr(text, "\r\n\r\n");
		if (end)
			want = (size_t)(end - text) + 4 + body_size(text);
	}
	if (want && size == want)
		return text;
	free(text);
	return NULL;
}

static int
keep_request(struct fake *fake, int fd)
{
	char *text = read_request(fd);

	if (!text)
		return -1;
	pthread_mutex_lock(&fake->lock);
	if (fake->n_requests < MOST)
		fake->requests[fake->n_requests++] = text;
	else
		free(text);
	pthread_mutex_unlock(&fake->lock);
	return 0;
}

static int
send_all(int fd, const struct fake_step *step)
{
	size_t sent = 0;

	while (sent < step->size) {
		ssize_t n = send(fd, step->data + sent, step->size - sent,
				 MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		sent += (size_t)n;
	}
	return 0;
}

static int
gulp(int fd)
{
	char waste[65536];

	return recv(fd, waste, sizeof(waste), 0) > 0 ? 0 : -1;
}

static void
hold(int fd)
{
	char waste[4096];

	while (recv(fd, waste, sizeof(waste), 0) > 0)
		continue;
}

static void
reset(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Negative: the connection is over. */
static int
follow(struct line *line, const struct fake_step *step)
{
	uint64_t one = 1;

	switch (step->kind) {
	case FAKE_READ_:
		return keep_request(line->fake, line->fd);
	case FAKE_GULP_:
		return gulp(line->fd);
	case FAKE_SEND_:
		return send_all(line->fd, step);
	case FAKE_FLOOD_:
		while (send_all(line->fd, step) == 0)
			continue;
		return -1;
	case FAKE_TELL_:
		return write(line->fake->told, &one, sizeof(one)) < 0 ? -1 : 0;
	case FAKE_WAIT_:
		return sem_wait(&line->fake->go);
	case FAKE_HOLD_:
		hold(line->fd);
		return 0;
	case FAKE_SHUT_:
		return shutdown(line->fd, SHUT_WR);
	case FAKE_RESET_:
		reset(line->fd);
		return -1;
	default:
		return -1;
	}
}

static void *
serve(void *arg)
{
	struct line *line = arg;
	const struct fake_step *step = line->script;

	for (;;) {
		if (step->kind == FAKE_AGAIN_)
			step = line->script;
		if (follow(line, step++) < 0)
			break;
	}
	pthread_mutex_lock(&line->fake->lock);
	close(line->fd);
	line->fd = -1;
	pthread_mutex_unlock(&line->fake->lock);
	return NULL;
}

static void
add_line(struct fake *fake, int fd, int *n_scripts)
{
	struct line *line = &fake->lines[fake->n_lines];

	if (fake->n_lines == MOST) {
		close(fd);
		return;
	}
	line->fake = fake;
	line->fd = fd;
	line->script = fake->scripts[*n_scripts];
	if (fake->scripts[*n_scripts + 1])
		++*n_scripts;
	if (pthread_create(&line->thread, NULL, serve, line))
		die("pthread_create");
	fake->n_lines++;
}

static void *
accept_all(void *arg)
{
	struct fake *fake = arg;
	int n_scripts = 0, fd;

	while ((fd = accept4(fake->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		pthread_mutex_lock(&fake->lock);
		add_line(fake, fd, &n_scripts);
		pthread_mutex_unlock(&fake->lock);
	}
	return NULL;
}

struct fake *
fake_start(const struct fake_step *const *scripts)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);
	struct fake *fake = calloc(1, sizeof(*fake));

	if (!fake)
		die("fake_start");
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fake->scripts = scripts;
	fake->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fake->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	pthread_mutex_init(&fake->lock, NULL);
	sem_init(&fake->go, 0, 0);
	if (fake->fd < 0 || fake->told < 0 ||
	    bind(fake->fd, (struct sockaddr *)&in, size) < 0 ||
	    listen(fake->fd, 64) < 0 ||
	    getsockname(fake->fd, (struct sockaddr *)&in, &size) < 0)
		die("fake_start");
	fake->port = ntohs(in.sin_port);
	snprintf(fake->url, sizeof(fake->url), "http://127.0.0.1:%d",
		 fake->port);
	if (pthread_create(&fake->thread, NULL, accept_all, fake))
		die("pthread_create");
	return fake;
}

void
fake_stop(struct fake *fake)
{
	shutdown(fake->fd, SHUT_RDWR);
	pthread_join(fake->thread, NULL);
	for (int i = 0; i < fake->n_lines; i++) {
		pthread_mutex_lock(&fake->lock);
		if (fake->lines[i].fd >= 0)
			shutdown(fake->lines[i].fd, SHUT_RDWR);
		sem_post(&fake->go);
		pthread_mutex_unlock(&fake->lock);
	}
	for (int i = 0; i < fake->n_lines; i++)
		pthread_join(fake->lines[i].thread, NULL);
	for (int i = 0; i < fake->n_requests; i++)
		free(fake->requests[i]);
	close(fake->fd);
	close(fake->told);
	sem_destroy(&fake->go);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

const char *
fake_url(const struct fake *fake)
{
	return fake->url;
}

int
fake_port(const struct fake *fake)
{
	return fake->port;
}

void
fake_go(struct fake *fake)
{
	sem_post(&fake->go);
}

int
fake_told(const struct fake *fake)
{
	return fake->told;
}

void
fake_hear(struct fake *fake)
{
	uint64_t one;

	if (read(fake->told, &one, sizeof(one)) < 0)
		die("fake_hear: nothing was told");
}

int
fake_connections(struct fake *fake)
{
	int n;

	pthread_mutex_lock(&fake->lock);
	n = fake->n_lines;
	pthread_mutex_unlock(&fake->lock);
	return n;
}

int
fake_requests(struct fake *fake)
{
	int n;

	pthread_mutex_lock(&fake->lock);
	n = fake->n_requests;
	pthread_mutex_unlock(&fake->lock);
	return n;
}

const char *
fake_request(struct fake *fake, int i)
{
	const char *text;

	pthread_mutex_lock(&fake->lock);
	text = i < fake->n_requests ? fake->requests[i] : "";
	pthread_mutex_unlock(&fake->lock);
	return text;
}
