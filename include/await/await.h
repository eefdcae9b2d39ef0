/* SPDX-License-Identifier: MIT */
/*
 * await.h - the core in one include.  Databases and HTTP have their own:
 * await/pg.h, await/mysql.h, await/http.h.
 */
#ifndef AWAIT_AWAIT_H
#define AWAIT_AWAIT_H

#include <await/base.h>
#include <await/broadcast.h>
#include <await/debug.h>
#include <await/err.h>
#include <await/file.h>
#include <await/group.h>
#include <await/io.h>
#include <await/limiter.h>
#include <await/listen.h>
#include <await/local.h>
#include <await/loop.h>
#include <await/offload.h>
#include <await/pool.h>
#include <await/process.h>
#include <await/queue.h>
#include <await/rate.h>
#include <await/retry.h>
#include <await/scope.h>
#include <await/select.h>
#include <await/signal.h>
#include <await/stream.h>
#include <await/sync.h>
#include <await/task.h>
#include <await/thread.h>
#include <await/time.h>

#endif
