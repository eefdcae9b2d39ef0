// SPDX-License-Identifier: MIT

// What the Go peers share: the command line and result of bench/common.h.
// Each peer is built from this file and its own.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	seconds     = flag.Float64("seconds", 1, "")
	ops         = flag.Int64("ops", 0, "")
	connections = flag.Int("connections", 10, "")
	tasks       = flag.Int("tasks", 100, "")
	dsn         = flag.String("dsn", "", "")
	url         = flag.String("url", "", "")
	size        = flag.Int("size", 1024, "")
)

const rows = 10000

var (
	started, done int64
	begin, end    time.Time
)

func fail(what interface{}) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func start() {
	begin = time.Now()
	end = begin.Add(time.Duration(*seconds * 1e9))
}

// more counts an operation about to begin. For one thread only.
func more() bool {
	if *ops != 0 {
		if started >= *ops {
			return false
		}
	} else if started%64 == 0 && time.Now().After(end) {
		return false
	}
	started++
	return true
}

// round counts n operations that belong together.
func round(n int64) bool {
	if *ops != 0 {
		if started >= *ops {
			return false
		}
	} else if started > 0 && time.Now().After(end) {
		return false
	}
	started += n
	return true
}

// uncounted runs fn outside the measured time.
func uncounted(fn func()) {
	paused := time.Now()
	fn()
	begin = begin.Add(time.Since(paused))
}

// clients runs fn in n goroutines on all processors, each in a loop of its
// own until the time is over or its share of --ops is done.
func clients(n int, fn func(id func() int)) {
	var wg sync.WaitGroup
	start()
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func(state uint32) {
			defer wg.Done()
			var mine int64
			id := func() int { return randomID(&state) }
			for {
				if *ops != 0 && mine >= *ops/int64(n) {
					break
				}
				if *ops == 0 && mine%64 == 0 && time.Now().After(end) {
					break
				}
				fn(id)
				mine++
			}
			atomic.AddInt64(&done, mine)
		}(2463534242 + uint32(i))
	}
	wg.Wait()
	report()
}

func report() {
	fmt.Printf("{\"ops\":%d,\"seconds\":%.6f}\n", done, time.Since(begin).Seconds())
}

func randomID(state *uint32) int {
	x := *state
	x ^= x << 13
	x ^= x >> 17
	x ^= x << 5
	*state = x
	return int(x%rows) + 1
}

func balance(id int) int64 {
	return int64(id) * 1000003 % 1000000007
}
