/* SPDX-License-Identifier: MIT */
/*
 * init.c - the libraries' global state, made once a process.
 *
 * It reads configuration files and takes milliseconds, so a helper thread
 * does it.  OpenSSL is told to leave no exit handler behind: its handler
 * frees what a thread that is still connecting uses (OPENSSL_init_crypto(3),
 * OPENSSL_INIT_NO_ATEXIT).  OpenSSL is reached by name only: libcurl may
 * have been built on another library.
 *
 * libcurl and OpenSSL hold locks of their own meanwhile, which nobody would
 * open in a child of fork(): so a fork() waits until they are ready.
 */
#include <dlfcn.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "internal.h"

#define NO_ATEXIT 0x00080000ull		/* OPENSSL_INIT_NO_ATEXIT */

struct ready_job {
	CURLcode code;
};

static atomic_bool ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void
after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void __attribute__((constructor))
watch_forks(void)
{
	aw_ignore(pthread_atfork(before_fork, after_fork, after_fork));
}

static void
quiet_openssl(void)
{
	void *symbol = dlsym(RTLD_DEFAULT, "OPENSSL_init_crypto");
	int (*init)(uint64_t, const void *);

	if (!symbol)
		return;
	memcpy(&init, &symbol, sizeof(init));
	init(NO_ATEXIT, NULL);
}

static void
ready_run(void *memory)
{
	struct ready_job *job = memory;

	pthread_mutex_lock(&lock);
	if (!atomic_load(&ready)) {
		quiet_openssl();
		json_object_seed(0);	/* reads /dev/urandom */
		job->code = curl_global_init(CURL_GLOBAL_DEFAULT);
		if (!job->code)
			atomic_store(&ready, true);
	}
	pthread_mutex_unlock(&lock);
}

static const struct aw_job_type ready_type = {
	.size = sizeof(struct ready_job),
	.run = ready_run,
};

/* Awaits, the first time. */
int
aw__curl_ready(void)
{
	struct aw_job *job;
	struct ready_job *result;
	int r;

	if (atomic_load_explicit(&ready, memory_order_acquire))
		return 0;
	r = aw_job_start(&job, AW_JOBS_GENERAL, &ready_type, NULL);
	if (r)
		return r;
	r = aw_job_wait(job, "libcurl to be initialised", NULL);
	if (!r) {
		result = aw_job_memory(job);
		if (result->code)
			r = aw_fail(-ENOMEM, "libcurl: %s",
				    curl_easy_strerror(result->code));
	}
	aw_job_free(job);
	return r;
}
