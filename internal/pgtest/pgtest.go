// Package pgtest starts a throw-away PostgreSQL server for tests.
//
// Most of what can go wrong between Staffkey and its database shows only on the real one, so tests use the real one: [Start] runs the
// installed PostgreSQL on an empty temporary directory, which takes about a second, and nothing of it remains afterwards. The server
// does not outlive the test program even when that is killed, because it is held by a guard that ends with the program (see [Start]).
//
// The package is for tests and for programs under test/ only, and imports the standard library alone.
package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
)

// Variable is the environment variable that names a server which is already running, as a postgres:// address. When it is set, [Start]
// hands that address out and starts nothing; ./check sets it so that all packages share one server.
const Variable = "TEST_POSTGRES"

// ErrNotInstalled says that this machine has no PostgreSQL server programs, so that a caller may skip instead of failing.
var ErrNotInstalled = errors.New("PostgreSQL is not installed")

// Option changes how [Start] sets the server up.
type Option uint8

// Fast gives up durability (fsync, synchronous commit and full page writes are off) for tests that commit very often and do not ask
// what survives a crash. Without it the server keeps PostgreSQL's own defaults, as an operator's server does.
const Fast Option = 1

// Start hands out the address of a PostgreSQL superuser connection (postgres://…/postgres, no password, no TLS, 127.0.0.1 only) and a
// function that ends the server and removes its files. The function may be called several times and waits until the server is gone.
//
// With TEST_POSTGRES set, Start returns its value and a function that does nothing, and ignores the options. Otherwise it looks for
// initdb and pg_ctl in PATH and in Debian's /usr/lib/postgresql/<version>/bin, newest first, and returns [ErrNotInstalled] when they are
// in neither. PostgreSQL refuses to run as root: a root caller's server runs as "postgres", or as "nobody" where there is no such user.
//
// A program that cannot say when it is done, such as a test package that shares one server, need not call stop: the server ends with
// the program, however that ends.
func Start(options ...Option) (url string, stop func(), err error) {
	if url := os.Getenv(Variable); url != "" {
		return url, func() {}, nil
	}
	bin, err := findPrograms(exec.LookPath, "/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", nil, err
	}
	// The port is free when it is chosen and may be taken a moment later, by a test that runs beside this one; then another is tried.
	for range 3 {
		url, stop, err = start(bin, options)
		if err == nil {
			return url, stop, nil
		}
	}
	return "", nil, fmt.Errorf("start a throw-away PostgreSQL: %w", err)
}

// findPrograms returns the folder that holds both initdb and pg_ctl: the one that PATH leads to, else the one with the highest version
// among those that match pattern, in which the version is the last folder but one.
func findPrograms(lookPath func(string) (string, error), pattern string) (string, error) {
	var folders []string
	if initdb, err := lookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(initdb))
	}
	installed, err := filepath.Glob(pattern)
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL in %s: %w", pattern, err)
	}
	sort.SliceStable(installed, func(i, j int) bool { return version(installed[i]) > version(installed[j]) })
	for _, folder := range append(folders, installed...) {
		if isProgram(filepath.Join(folder, "initdb")) && isProgram(filepath.Join(folder, "pg_ctl")) {
			return folder, nil
		}
	}
	return "", fmt.Errorf("%w: no initdb and pg_ctl in PATH or in %s", ErrNotInstalled, pattern)
}

// version reads 15 from /usr/lib/postgresql/15/bin, and 9.6 from an old one; a folder that is no version counts as 0.
func version(bin string) float64 {
	number, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64)
	if err != nil {
		return 0
	}
	return number
}

// isProgram reports whether path is a file that somebody may execute.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
