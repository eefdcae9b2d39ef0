/* SPDX-License-Identifier: MIT */
/*
 * 1 error: AW_TIMEOUT in an if without braces
 * 2 error: AW_SCOPE in an else without braces
 * 3 error: AW_SHIELD in a for without braces
 * 4 error: AW_NO_AWAIT in a while without braces
 * 5 error: AW_GROUP in an if without braces
 * 6 error: AW_BUDGET in a do without braces
 * 7 error: AW_HELD in an if without braces
 * 8 error: AW_AUTO in an if without braces
 * 9 warning: a case jumps over AW_TIMEOUT in the case above it
 * 10 warning: a goto jumps over AW_TIMEOUT
 * 11 warning: a goto jumps over AW_GROUP
 * 12 warning: a goto jumps over AW_AUTO
 * 13 error: AW_SCOPE twice with one name
 */
#include <await/await.h>
#include <await/driver.h>

int f(int x);

int
f(int x)
{
	struct aw_mutex m = { 0 };

	AW_TRY(aw_mutex_lock(&m));
#if TRAP == 1
	if (x)
		AW_TIMEOUT(1);
#elif TRAP == 2
	if (x)
		x++;
	else
		AW_SCOPE(s, .seconds = 1);
#elif TRAP == 3
	for (int i = 0; i < x; i++)
		AW_SHIELD(1);
#elif TRAP == 4
	while (x--)
		AW_NO_AWAIT;
#elif TRAP == 5
	if (x)
		AW_GROUP(g);
#elif TRAP == 6
	do
		AW_BUDGET(1);
	while (x--);
#elif TRAP == 7
	if (x)
		AW_HELD(&m);
#elif TRAP == 8
	if (x)
		AW_AUTO(aw_queue, q);
#elif TRAP == 9
	switch (x) {
	case 1:
		AW_TIMEOUT(1);
		return aw_sleep(1);
	default:
		return aw_sleep(2);
	}
#elif TRAP == 10
	if (x)
		goto out;
	AW_TIMEOUT(1);
out:
#elif TRAP == 11
	if (x)
		goto out;
	AW_GROUP(g);
out:
#elif TRAP == 12
	if (x)
		goto out;
	AW_AUTO(aw_queue, q);
out:
#elif TRAP == 13
	AW_SCOPE(s);
	AW_SCOPE(s);
#else
	if (x) {
		AW_TIMEOUT(1);
		AW_TIMEOUT(2);
		AW_SHIELD(x);
		AW_SCOPE(s, .seconds = 1);
		AW_SCOPE(t, .deadline = 1);
		AW_SCOPE(u);
		AW_GROUP(g, .limit = 2, .collect = true);
		AW_GROUP(h);
		AW_BUDGET(1);
		AW_AUTO(aw_queue, q);
		AW_HELD(&m);
		AW_NO_AWAIT;
	}
	switch (x) {
	case 1: {
		AW_TIMEOUT(1);
		return aw_sleep(1);
	}
	default:
		break;
	}
	if (x)
		goto out;
	x++;
out:
#endif
	return x;
}
