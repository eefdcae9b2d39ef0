// SPDX-License-Identifier: MIT

// Row switch: goroutines that only give way to each other.
package main

import (
	"flag"
	"runtime"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	flag.Parse()
	runtime.GOMAXPROCS(1)
	start()
	for i := 0; i < *tasks; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for more() {
				runtime.Gosched()
				done++
			}
		}()
	}
	wg.Wait()
	report()
}
