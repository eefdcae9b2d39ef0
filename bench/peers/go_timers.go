// SPDX-License-Identifier: MIT

// Row timers: armed in one go, due within a millisecond, called back.
package main

import (
	"flag"
	"runtime"
	"sync/atomic"
	"time"
)

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	fired := make(chan bool)
	var left int64
	fire := func() {
		if atomic.AddInt64(&left, -1) == 0 {
			fired <- true
		}
	}
	start()
	for round(int64(*tasks)) {
		state := uint32(2463534242)
		atomic.StoreInt64(&left, int64(*tasks))
		for i := 0; i < *tasks; i++ {
			delay := time.Duration(randomID(&state)) * 100
			time.AfterFunc(delay*time.Nanosecond, fire)
		}
		<-fired
		done += int64(*tasks)
	}
	report()
}
