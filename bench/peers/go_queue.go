// SPDX-License-Identifier: MIT

// Row queue: one goroutine puts numbers, another gets them, 64 places.
package main

import (
	"flag"
	"runtime"
)

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	queue := make(chan int64, 64)
	start()
	go func() {
		for more() {
			queue <- started
		}
		close(queue)
	}()
	for item := range queue {
		if item != done+1 {
			fail("an item out of order")
		}
		done++
	}
	report()
}
