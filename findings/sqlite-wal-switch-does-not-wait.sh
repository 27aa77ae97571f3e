#!/usr/bin/env bash
# modernc.org/sqlite v1.62.0: connections that turn on the write-ahead log of one new file at the same time do not all wait for each
# other. Some get SQLITE_BUSY ("database is locked", code 5) within milliseconds, although each has set busy_timeout to 10 seconds before.
#
# Expected from busy_timeout (https://sqlite.org/c3ref/busy_timeout.html): that a connection which meets a lock sleeps and tries again until the time is
# over. What helps: try to open again. Seen when several processes start on one new database.
#
# Prints how many of the connections were turned away and after how long at most, and fails when none is, or when they have waited.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
)

func main() {
	const rounds, connections, enough = 20000, 4, 3
	var mu sync.Mutex
	busy, other, longest := 0, 0, time.Duration(0)
	tried := 0
	for round := range rounds {
		if busy >= enough {
			break
		}
		tried += connections
		file := filepath.Join(os.Args[1], fmt.Sprintf("%d.db", round))
		var group sync.WaitGroup
		start := make(chan struct{})
		for range connections {
			group.Go(func() {
				pool, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
				if err != nil {
					panic(err)
				}
				defer pool.Close()
				<-start
				began := time.Now()
				conn, err := pool.Conn(context.Background())
				took := time.Since(began)
				if err == nil {
					err = conn.Close()
				}
				mu.Lock()
				defer mu.Unlock()
				var code *sqlite.Error
				switch {
				case err == nil:
				case errors.As(err, &code) && code.Code()&0xff == 5:
					busy, longest = busy+1, max(longest, took)
				default:
					other++
				}
			})
		}
		close(start)
		group.Wait()
	}
	var version string
	pool, err := sql.Open("sqlite", ":memory:")
	if err == nil {
		err = pool.QueryRow("SELECT sqlite_version()").Scan(&version)
	}
	if err != nil {
		panic(err)
	}
	fmt.Printf("SQLite %s: %d of %d connections got SQLITE_BUSY, after at most %v of 10 s; %d other errors\n", version, busy, tried, longest.Round(time.Millisecond), other)
	if busy == 0 || longest > 9*time.Second || other > 0 {
		os.Exit(1)
	}
}
GO
go mod init finding >"$folder/log" 2>&1
go get modernc.org/sqlite@v1.62.0 >>"$folder/log" 2>&1
mkdir data
go run . data
