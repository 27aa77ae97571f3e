package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// measured are the processes whose time counts as the server's.
type measured struct {
	server int
	// postmaster is the first process of the PostgreSQL server, whose children work for it; 0 on SQLite.
	postmaster int
}

// serverProcesses finds what to measure: the server, and the PostgreSQL server behind a URL.
func serverProcesses(ctx context.Context, server int, postgres string) (measured, error) {
	m := measured{server: server}
	if postgres == "" {
		return m, nil
	}
	conn, err := pgx.Connect(ctx, postgres)
	if err != nil {
		return m, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it has answered
	var backend int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return m, err
	}
	s, err := readStat(backend)
	m.postmaster = s.parent
	if err != nil {
		return m, fmt.Errorf("the PostgreSQL server is not on this machine: %w", err)
	}
	return m, nil
}

// seconds is the time on the processors that the processes have taken so far, for user and system.
func (m measured) seconds() (float64, error) {
	s, err := readStat(m.server)
	if err != nil || m.postmaster == 0 {
		return s.own, err
	}
	total := s.own
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return 0, err
		}
		s, err := readStat(pid)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH): // it has ended meanwhile
		case err != nil:
			return 0, err
		case pid == m.postmaster:
			total += s.own + s.ended
		case s.parent == m.postmaster:
			total += s.own
		}
	}
	return total, nil
}

// stat is what matters of /proc/PID/stat (proc_pid_stat(5)); times in seconds.
type stat struct {
	parent int
	own    float64 // user and system time of all threads
	ended  float64 // the same of children that have ended
}

// ticks is USER_HZ, in which the kernel tells times to programs: 100 on all that Go runs on.
const ticks = 100

func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name in parentheses may hold anything; the fields after it start with the third.
	_, rest, _ := bytes.Cut(raw[bytes.LastIndexByte(raw, ')'):], []byte(" "))
	fields := strings.Fields(string(rest))
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var n [15]int
	for _, i := range []int{1, 11, 12, 13, 14} {
		if n[i], err = strconv.Atoi(fields[i]); err != nil {
			return stat{}, err
		}
	}
	return stat{parent: n[1], own: float64(n[11]+n[12]) / ticks, ended: float64(n[13]+n[14]) / ticks}, nil
}

// processorTime is the time on the processors that a process has taken so far, to the nanosecond (/proc/PID/task/TID/schedstat). Threads
// that have ended do not count.
func processorTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) { // it has ended meanwhile
			continue
		}
		if err != nil {
			return 0, err
		}
		onProcessor, _, _ := strings.Cut(string(raw), " ")
		n, err := strconv.ParseInt(onProcessor, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		total += time.Duration(n)
	}
	return total, nil
}

// memory is what a process holds, in megabytes (10⁶ bytes).
type memory struct {
	Resident float64 `json:"resident_mb"` // now
	Peak     float64 `json:"peak_mb"`     // at most so far
}

func readMemory(pid int) (memory, error) {
	var m memory
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*float64{"VmRSS": &m.Resident, "VmHWM": &m.Peak}[name]
		if into == nil {
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
		if err != nil {
			return m, err
		}
		*into = kilobytes * 1024 / 1e6
	}
	return m, nil
}

// ownSeconds is the time that the driver itself has taken.
func ownSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil { // it fails for a wrong argument only
		panic(err)
	}
	return (time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds()
}
