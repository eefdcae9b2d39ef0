/* SPDX-License-Identifier: MIT */
/*
 * The few functions of base.h.
 */
#include <errno.h>

#include <await/base.h>

#include "mem.h"

int
aw_bytes_dup(struct aw_bytes bytes, void **ret)
{
	char *copy = aw__malloc(bytes.size + 1);

	if (!copy)
		return -ENOMEM;
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	copy[bytes.size] = '\0';
	*ret = copy;
	return 0;
}

void
aw_freep(void *p)
{
	void **address = p;

	aw__free(*address);
	*address = NULL;
}

const char *
aw_version(void)
{
	return PACKAGE_VERSION;
}
