// SPDX-License-Identifier: MIT

// Row park: goroutines wait for one channel; it is closed, they end.
package main

import (
	"flag"
	"runtime"
	"sync"
)

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	start()
	for round(int64(*tasks)) {
		var wg sync.WaitGroup
		parked, woken := 0, 0
		event := make(chan bool)
		for i := 0; i < *tasks; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				parked++
				<-event
				woken++
			}()
		}
		for parked < *tasks {
			runtime.Gosched()
		}
		close(event)
		wg.Wait()
		if woken != *tasks {
			fail("not every goroutine was woken")
		}
		done += int64(*tasks)
	}
	report()
}
