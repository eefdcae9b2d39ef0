// SPDX-License-Identifier: MIT

// Row lock: a mutex that nobody else wants is locked and unlocked.
package main

import (
	"flag"
	"runtime"
	"sync"
)

func main() {
	var mutex sync.Mutex
	flag.Parse()
	runtime.GOMAXPROCS(1)
	start()
	for more() {
		mutex.Lock()
		done++
		mutex.Unlock()
	}
	report()
}
