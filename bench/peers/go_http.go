// SPDX-License-Identifier: MIT

// Row http-get by net/http: one client, --tasks requests in flight.
package main

import (
	"flag"
	"io"
	"net/http"
)

func main() {
	flag.Parse()
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns:        *tasks,
		MaxIdleConnsPerHost: *tasks,
		MaxConnsPerHost:     *tasks,
	}}
	clients(*tasks, func(func() int) {
		response, err := client.Get(*url)
		if err != nil {
			fail(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != 200 || len(body) != *size {
			fail("not the status and size expected")
		}
	})
}
