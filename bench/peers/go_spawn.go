// SPDX-License-Identifier: MIT

// Row spawn: start a goroutine that does nothing and wait for it.
package main

import (
	"flag"
	"runtime"
)

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	ret := make(chan int)
	start()
	for more() {
		go func() { ret <- 0 }()
		if <-ret != 0 {
			fail("a goroutine returned something else")
		}
		done++
	}
	report()
}
