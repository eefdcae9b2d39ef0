/* SPDX-License-Identifier: MIT */
/*
 * Whom a child belongs to: names become numbers, in the helper thread, since
 * to look one up may ask a server.
 *
 *	.user "www"		uid, gid and groups as of a login of www
 *	.user, .group		the gid is that of .group
 *	.group			the gid only
 *	.groups			these, instead of those of the login
 *
 * Nothing is left of the program's own groups once there is a user: one who
 * is given another's rights and keeps root's groups could read what root may.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "process.h"

#define ROOM_FIRST 1024u
#define ROOM_MOST (1u << 20)
#define GROUPS_MOST 65536		/* NGROUPS_MAX, Linux 2.6.4 */
#define NAME 256			/* LOGIN_NAME_MAX of Linux */

static int __attribute__((format(printf, 3, 4)))
fail(struct aw__spawn *s, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->why, sizeof s->why, fmt, args);
	va_end(args);
	s->failed = s->why;
	s->code = code;
	return code;
}

/* All digits; (uid_t)-1 means "as it is" to the kernel. */
static bool
is_number(const char *text, uint32_t *ret)
{
	unsigned long long n;
	char *end;

	if (!(*text >= '0' && *text <= '9'))
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end || errno || n >= UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* --- The databases ----------------------------------------------------- */

struct entry {
	bool is_group;
	bool found;
	uint32_t id;
	gid_t login;			/* a user's group */
	char name[NAME];		/* a user's */
};

/* Return: as getpwnam_r(3). */
static int
ask(struct entry *e, const char *name, uint32_t id, char *room, size_t size)
{
	struct passwd user, *is_user = NULL;
	struct group group, *is_there = NULL;
	int r;

	if (e->is_group)
		r = getgrnam_r(name, &group, room, size, &is_there);
	else if (name)
		r = getpwnam_r(name, &user, room, size, &is_user);
	else
		r = getpwuid_r(id, &user, room, size, &is_user);
	e->found = is_user || is_there;
	if (is_user) {
		e->id = user.pw_uid;
		e->login = user.pw_gid;
		aw__copy_text(e->name, sizeof e->name, user.pw_name);
	} else if (is_there) {
		e->id = group.gr_gid;
	}
	return r;
}

/* Asks with more and more room. Return: 0, found or not; -errno. */
static int
look_up(struct entry *e, const char *name, uint32_t id)
{
	size_t size = ROOM_FIRST;
	char *room;
	int r;

	do {
		size *= 2;
		room = aw__malloc(size);
		if (!room)
			return -ENOMEM;
		r = ask(e, name, id, room, size);
		aw__free(room);
	} while ((r == EINTR || r == ERANGE) && size < ROOM_MOST);
	/* getpwnam_r(3): each of them may stand for "not found". */
	if (r == ENOENT || r == ESRCH || r == EBADF || r == EPERM)
		r = 0;
	return -r;
}

/* A name, else a number, as of chown(1). */
static int
find(struct aw__spawn *s, struct entry *e, const char *option,
     const char *text)
{
	int r = look_up(e, text, 0);
	bool is_id = r == 0 && !e->found && is_number(text, &e->id);

	if (is_id && !e->is_group)
		r = look_up(e, NULL, e->id);
	if (r < 0)
		return fail(s, r, "%s: looking up '%.40s'", option, text);
	if (!e->found && !is_id)
		return fail(s, -EINVAL, "%s: there is no %s '%.40s': give a "
			    "name that getent(1) knows, or a number", option,
			    e->is_group ? "group" : "user", text);
	return 0;
}

/* --- Groups ------------------------------------------------------------ */

static int
reserve(struct aw__spawn *s, int n)
{
	s->groups = aw__calloc((size_t)n + 1, sizeof *s->groups);
	if (!s->groups)
		return fail(s, -ENOMEM, "its groups");
	return 0;
}

static int
take_named(struct aw__spawn *s, const char *const *names)
{
	int n = 0, i, r;

	while (names[n])
		n++;
	if (n > GROUPS_MOST)
		return fail(s, -EINVAL, ".groups: more than %d", GROUPS_MOST);
	r = reserve(s, n);
	for (i = 0; i < n && r == 0; i++) {
		struct entry e = { .is_group = true };

		r = find(s, &e, ".groups", names[i]);
		s->groups[i] = e.id;
	}
	s->n_groups = n;
	return r;
}

/* getgrouplist() says how many there are when there is too little room; the
 * database may grow in between. */
static int
take_login(struct aw__spawn *s, const char *name)
{
	int n = 32, room, r;

	do {
		aw__free(s->groups);
		room = n;
		r = reserve(s, room);
		if (r < 0)
			return r;
	} while (getgrouplist(name, s->gid, s->groups, &n) < 0 && n > room &&
		 n <= GROUPS_MOST);
	s->n_groups = n < room ? n : room;
	return 0;
}

/* --- All of it --------------------------------------------------------- */

static int
find_group(struct aw__spawn *s)
{
	struct entry e = { .is_group = true };
	int r;

	if (!s->group)
		return 0;
	r = find(s, &e, ".group", s->group);
	s->gid = e.id;
	s->has_gid = r == 0;
	return r;
}

/* One who is in no database has no group to log in with. */
static int
settle_login(struct aw__spawn *s, const struct entry *e)
{
	if (!e->found && !s->has_gid)
		return fail(s, -EINVAL, ".user: %lu is in no database and has "
			    "no group: give .group, too", (unsigned long)e->id);
	s->uid = e->id;
	s->has_uid = true;
	if (!s->has_gid)
		s->gid = e->login;
	s->has_gid = true;
	return 0;
}

int
aw__spawn_user(struct aw__spawn *s)
{
	struct entry e = { 0 };
	int r = find_group(s);

	if (r == 0 && s->user)
		r = find(s, &e, ".user", s->user);
	if (r == 0 && s->user)
		r = settle_login(s, &e);
	if (r < 0)
		return r;
	if (s->names)
		return take_named(s, s->names);
	if (!s->user)
		return 0;
	return e.found ? take_login(s, e.name) : reserve(s, 0);
}
