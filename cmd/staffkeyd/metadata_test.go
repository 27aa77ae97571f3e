package main

import (
	"testing"
	"time"
)

// A day is a fifth more or less, and not the same everywhere.
func TestJittered(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	seen := map[time.Duration]bool{}
	for range 200 {
		got := jittered(day)
		if got < day-day/5 || got > day+day/5 {
			t.Errorf("%v is more than a fifth from a day", got)
		}
		seen[got] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d different intervals in 200 draws", len(seen))
	}
}
