/* SPDX-License-Identifier: MIT */
/*
 * Signals to a process and to its group.
 *
 * What is left of a group is killed when the handle goes. Below Linux 6.9 a
 * group is signalled by its number, which is good as long as its leader was
 * not reaped: there the leader, when it ends, is kept until then.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define TO_GROUP 4u			/* PIDFD_SIGNAL_PROCESS_GROUP, 6.9 */

/* -EINVAL: below Linux 6.9. */
static int
signal_by_pidfd(const struct aw_process *p, int number, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, p->pidfd, number, NULL,
		       flags) < 0 ? -errno : 0;
}

static int
signal_group(const struct aw_process *p, int number)
{
	int r = signal_by_pidfd(p, number, TO_GROUP);

	if (r != -EINVAL)
		return r;
	if (p->ended && !p->kept)
		return -ESRCH;
	return kill(-p->pid, number) < 0 ? -errno : 0;
}

int
aw__process_send(const struct aw_process *p, int number)
{
	if (p->new_group)
		return signal_group(p, number);
	return p->ended ? -ESRCH : signal_by_pidfd(p, number, 0);
}

bool
aw__process_must_stay(const struct aw_process *p)
{
	return p->new_group && !p->unattended &&
	       signal_by_pidfd(p, 0, TO_GROUP) == -EINVAL;
}

void
aw__process_end_group(struct aw_process *p)
{
	siginfo_t info;

	if (!p->new_group)
		return;
	aw_ignore(signal_group(p, SIGKILL));
	if (p->kept)
		aw_ignore(waitid(P_PIDFD, (id_t)p->pidfd, &info,
				 WEXITED | WNOHANG));
	p->kept = false;
}

int
aw_process_signal(struct aw_process *process, int number)
{
	int r = aw__process_check(process);

	if (r < 0)
		return r;
	r = aw__process_send(process, number);
	if (r < 0)
		return aw_fail(r, "signal %d to process %d: %s", number,
			       (int)process->pid, aw_strerror(r));
	return 0;
}
