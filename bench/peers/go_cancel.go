// SPDX-License-Identifier: MIT

// Row cancel: goroutines that sleep are cancelled and waited for.
package main

import (
	"context"
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var cancelled int64

func sleeper(ctx context.Context, until time.Duration, wg *sync.WaitGroup) {
	defer wg.Done()
	timer := time.NewTimer(until)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		atomic.AddInt64(&cancelled, 1)
	case <-timer.C:
	}
}

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	start()
	for round(int64(*tasks)) {
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		before := cancelled
		uncounted(func() {
			state := uint32(2463534242)
			for i := 0; i < *tasks; i++ {
				wg.Add(1)
				until := time.Hour + time.Duration(randomID(&state))*time.Millisecond
				go sleeper(ctx, until, &wg)
			}
			time.Sleep(time.Millisecond) // they all sleep now
		})
		cancel()
		wg.Wait()
		if cancelled-before != int64(*tasks) {
			fail("not every sleeper was cancelled")
		}
		done += int64(*tasks)
	}
	report()
}
