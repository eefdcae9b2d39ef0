/* SPDX-License-Identifier: MIT */
/*
 * Starting a process, on the loop's side: everything that can fail is made
 * first, then a helper thread makes the child, and then nothing fails.
 *
 *	stdio      .in = AW_PIPE:  ours[0] ---> theirs[0], 0 in the child
 *	paths      "git", PATH=/usr/bin:/bin  ->  "/usr/bin/git\0/bin/git\0\0"
 */
#include <fcntl.h>
#include <unistd.h>

#include <await/time.h>

#include "job.h"
#include "process.h"

#define GRACE 5.0
#define MAX (64LL << 20)
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static const char *const names[3] = { ".in", ".out", ".err" };

/* --- Options ----------------------------------------------------------- */

static int
check_descriptor(const char *option, int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		return aw_fail(-EBADF, "%s: %d is no open descriptor", option,
			       fd);
	return 0;
}

static int
check_stdio(const struct aw__spawn *s)
{
	int i, r;

	for (i = 0; i < 3; i++) {
		int fd = s->stdio[i];

		if (fd < AW_STDOUT || (fd == AW_STDOUT && i != 2))
			return aw_fail(-EINVAL, "%s = %d: it takes a "
				       "descriptor, AW_PIPE, AW_NONE%s",
				       names[i], fd,
				       i == 2 ? ", AW_STDOUT" : "");
		r = fd > 0 && fd != i ? check_descriptor(names[i], fd) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int
check_fds(const struct aw__spawn *s)
{
	int i, r = 0;

	if (s->n_fds < 0 || (s->n_fds > 0 && !s->fds))
		return aw_fail(-EINVAL, ".n_fds = %d: without .fds",
			       s->n_fds);
	for (i = 0; i < s->n_fds && r == 0; i++) {
		if (s->fds[i] < 3)
			return aw_fail(-EINVAL, ".fds: %d: they begin with 3",
				       s->fds[i]);
		r = check_descriptor(".fds", s->fds[i]);
	}
	return r;
}

/* Zero leads to where the program's own leads; if that is closed, its number
 * is about to be given to a pipe of ours. */
static void
settle_inherited(struct aw__spawn *s)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (s->stdio[i] == 0)
			s->stdio[i] = i;
		if (s->stdio[i] == i && fcntl(i, F_GETFD) < 0)
			s->stdio[i] = AW_NONE;
	}
}

static int
settle(struct aw__spawn *s, const struct aw_process_options *o)
{
	int r;

	*s = (struct aw__spawn){
		.env = o->env ? o->env : (const char *const *)environ,
		.cwd = o->cwd, .stdio = { o->in, o->out, o->err },
		.fds = o->fds, .n_fds = o->n_fds,
		.streams = { .size = sizeof s->streams, .limit = o->limit,
			     .high = o->high },
		.new_group = o->new_group, .new_session = o->new_session,
		.user = o->user, .group = o->group, .names = o->groups,
		.umask = o->umask == AW_NONE ? 0 : o->umask ? o->umask : -1,
		.pidfd = -1,
	};
	if (!(o->grace >= 0 || o->grace == AW_NONE))
		return aw_fail(-EINVAL, ".grace = %g: seconds, or AW_NONE",
			       o->grace);
	if (o->max < 0)
		return aw_fail(-EINVAL, ".max = %lld: bytes, 1 or more",
			       (long long)o->max);
	if (o->umask < AW_NONE || o->umask > 0777)
		return aw_fail(-EINVAL, ".umask = 0%o: 0..0777, or AW_NONE",
			       (unsigned)o->umask);
	r = check_stdio(s);
	if (r == 0)
		r = check_fds(s);
	settle_inherited(s);
	return r;
}

static void
keep_options(struct aw_process *p, const struct aw_process_options *o)
{
	int64_t max = o->max ? o->max : MAX;

	p->grace = o->grace == 0 ? GRACE : o->grace < 0 ? 0
		: o->grace >= AW_FOREVER ? AW__NEVER : o->grace;
	p->max = max >= AW_FOREVER ? SIZE_MAX / 4 : (size_t)max;
	p->new_group = o->new_group || o->new_session;
}

/* --- Where the program may be ------------------------------------------ */

static const char *
search_path(const char *const *env)
{
	for (; *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	return DEFAULT_PATH;
}

/* An empty folder is the current one. */
static size_t
join(char *to, const char *folder, size_t size, const char *program)
{
	size_t n = strlen(program) + 1;

	memcpy(to, folder, size);
	if (size > 0)
		to[size++] = '/';
	memcpy(to + size, program, n);
	return size + n;
}

static int
find_program(const char *program, const char *const *env, char **ret)
{
	bool as_it_is = strchr(program, '/') || !*program;
	const char *at = as_it_is ? "" : search_path(env), *end;
	size_t n = strlen(program) + 2, room = strlen(at) + 2, used = 0;
	char *paths;

	for (end = at; *end; end++)
		room += *end == ':' ? n : 0;
	paths = aw__malloc(room + n);
	if (!paths)
		return aw_fail(-ENOMEM, "no memory to start %s", program);
	for (;; at = end + 1) {
		end = strchrnul(at, ':');
		used += join(paths + used, at, (size_t)(end - at), program);
		if (!*end)
			break;
	}
	paths[used] = '\0';
	*ret = paths;
	return 0;
}

/* --- Pipes ------------------------------------------------------------- */

/* The child's end is left blocking: it is a description of its own. */
static int
open_pipe(struct aw_process *p, struct aw__spawn *s, int theirs[3], int i)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return aw_fail(-errno, "a pipe for %s: %s", names[i],
			       aw_strerror(-errno));
	r = aw_stream_from_fd_with(&p->streams[i], ends[i == 0], &s->streams);
	if (r < 0) {
		close(ends[i == 0]);
		close(ends[i != 0]);
		return r;
	}
	theirs[i] = s->stdio[i] = ends[i != 0];
	return 0;
}

static int
open_pipes(struct aw_process *p, struct aw__spawn *s, int theirs[3])
{
	int i, r = 0;

	for (i = 0; i < 3 && r == 0; i++)
		if (s->stdio[i] == AW_PIPE)
			r = open_pipe(p, s, theirs, i);
	return r;
}

static void
close_pipes(const int theirs[3])
{
	int i;

	for (i = 0; i < 3; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
}

/* --- In a helper thread ------------------------------------------------ */

static void
run(void *memory)
{
	struct aw__spawn *const *spawn = memory;

	aw__spawn(*spawn);
}

static const struct aw_job_type type = { .run = run };

/* As aw_offload(): once it has begun it is waited for, and the detail of a
 * cancel that does not count is not left behind. */
static int
wait_for(struct aw_job *job, struct aw_task *self)
{
	struct aw__failure before = { 0 };
	int r;

	aw__failure_move(&self->failure, &before);
	r = aw__job_wait(job, self, "the start of a process", job, 0);
	if (r < 0 && aw__job_withdraw(job)) {
		aw__failure_fini(&before);
		return r;
	}
	if (r < 0) {
		aw_ignore(aw__job_wait(job, self, "the start of a process",
				       job, AW__WAIT_FIRM));
		aw__failure_fini(&self->failure);
	}
	aw__failure_move(&before, &self->failure);
	return 0;
}

static int
spawn(struct aw_task *self, struct aw__spawn *s)
{
	struct aw_job *job;
	int r;

	r = aw__job_new(&job, AW_JOBS_PROCESSES, &type, sizeof s);
	if (r < 0)
		return r;
	memcpy(aw_job_memory(job), &s, sizeof s);
	r = aw__job_submit(job);
	if (r == 0)
		r = wait_for(job, self);
	aw_job_free(job);
	if (r < 0 || !s->failed)
		return r;
	return aw_fail(s->code, "starting %s: %s%s%s", s->argv[0], s->failed,
		       *s->failed ? ": " : "", aw_strerror(s->code));
}

/* --- All of it --------------------------------------------------------- */

static int
start(struct aw_task *self, struct aw_process *p, struct aw__spawn *s)
{
	int theirs[3] = { -1, -1, -1 }, r;
	char *paths = NULL;

	r = find_program(s->argv[0], s->env, &paths);
	s->paths = paths;
	if (r == 0)
		r = open_pipes(p, s, theirs);
	if (r == 0)
		r = spawn(self, s);
	close_pipes(theirs);
	aw__free(paths);
	return r;
}

int
aw_process_start_with(struct aw_process **ret, const char *const argv[],
		      const struct aw_process_options *options)
{
	struct aw_process_options o = { 0 };
	struct aw__spawn s;
	struct aw_process *p;
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (!argv || !argv[0])
		return aw_fail(-EINVAL, "aw_process_start: no program");
	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	r = settle(&s, &o);
	if (r == 0)
		r = aw__process_new(&p);
	if (r < 0)
		return r;
	s.argv = argv;
	keep_options(p, &o);
	r = start(self, p, &s);
	if (r < 0) {
		aw__process_drop(p);
		return r;
	}
	p->pid = s.pid;
	p->pidfd = s.pidfd;
	aw__process_runs(p);
	*ret = p;
	return 0;
}
