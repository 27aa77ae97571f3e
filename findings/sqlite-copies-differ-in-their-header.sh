#!/usr/bin/env bash
# modernc.org/sqlite v1.62.0 (SQLite 3.54.1): three ways to copy one database in WAL mode give three headers. The rows are the same.
#
# - VACUUM INTO writes a database that is not in WAL mode: bytes 18 and 19 are 1, as long as nobody opens it in WAL mode.
# - The backup API (.backup of the sqlite3 program) keeps WAL mode, and sets the schema cookie (bytes 40 to 43) to that of the file that it fills plus one,
#   which is 1 in a new file, however many changes of its schema the source has behind it.
# - Copying the file after a checkpoint keeps both.
#
# Expected from the documentation (https://sqlite.org/lang_vacuum.html, https://sqlite.org/backup.html), which speak of the same content: that all copies are alike.
# It tells how a file came to be: a write-ahead log with commits beside a file of the first kind cannot be its own.
#
# Prints the headers, and fails when they are others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"

	"modernc.org/sqlite"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func header(name string) string {
	b, err := os.ReadFile(name)
	must(err)
	return fmt.Sprintf("write version %d, schema cookie %d", b[18], binary.BigEndian.Uint32(b[40:]))
}

func main() {
	db, err := sql.Open("sqlite", "file:live.db?_pragma=journal_mode(WAL)")
	must(err)
	db.SetMaxOpenConns(1)
	for n := range 20 {
		_, err := db.Exec(fmt.Sprintf("CREATE TABLE t%d (x)", n))
		must(err)
	}
	var version string
	must(db.QueryRow("SELECT sqlite_version()").Scan(&version))
	_, err = db.Exec("VACUUM INTO 'vacuumed.db'")
	must(err)
	conn, err := db.Conn(context.Background())
	must(err)
	must(conn.Raw(func(c any) error {
		b, err := c.(interface {
			NewBackup(string) (*sqlite.Backup, error)
		}).NewBackup("backup.db")
		if err != nil {
			return err
		}
		if _, err := b.Step(-1); err != nil {
			return err
		}
		return b.Finish()
	}))
	must(conn.Close())
	_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	must(err)
	fmt.Println("SQLite", version)
	bad := false
	for _, c := range []struct{ name, want string }{
		{"live.db", "write version 2, schema cookie 20"},
		{"vacuumed.db", "write version 1, schema cookie 21"},
		{"backup.db", "write version 2, schema cookie 1"},
	} {
		got := header(c.name)
		fmt.Printf("%-12s %s\n", c.name, got)
		bad = bad || got != c.want
	}
	must(db.Close())
	if bad {
		os.Exit(1)
	}
}
GO
go mod init copies >log 2>&1
go get modernc.org/sqlite@v1.62.0 >>log 2>&1 || { cat log; exit 1; }
go run .
