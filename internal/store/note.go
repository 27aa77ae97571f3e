package store

import (
	"context"
	"sync"
	"time"

	"staffkey"
)

// NotesPerMinute is how many events that change nothing one person can have recorded in a minute on each node. It is far above what hands
// do, and keeps a program with a password of somebody's from filling the disk.
const NotesPerMinute = 30

// notes counts the events of the minute that change nothing, by whom they are.
type notes struct {
	mu     sync.Mutex
	minute time.Time
	used   map[string]int
}

func (n *notes) take(now time.Time, who string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := now.Truncate(time.Minute); !m.Equal(n.minute) {
		n.minute, n.used = m, make(map[string]int)
	}
	n.used[who]++
	return n.used[who] <= NotesPerMinute
}

// MayNote counts an event that changes nothing, and reports whether whom it is by has not had too many of them recorded in this minute.
// That is who acts, or for somebody who is not signed in, whom it concerns: the two are counted apart, so that a stranger keeps nothing that
// the owner does out of the log. An event of nobody is the caller's to bound.
func (s *Store) MayNote(event staffkey.AuditEvent) bool {
	switch {
	case event.Actor != "":
		return s.notes.take(s.now(), "actor/"+string(event.Actor))
	case event.Person != "":
		return s.notes.take(s.now(), "person/"+string(event.Person))
	}
	return true
}

// Note is [Store.Change] for an event that changes nothing in itself: a refusal, or a prompt that ended. fn does what belongs to it, such as
// spending a ceremony. An event that [Store.MayNote] has no room for is not recorded; fn runs all the same, and so does the one statement
// that makes it cost what the event would.
func (s *Store) Note(ctx context.Context, event staffkey.AuditEvent, fn func(*Tx) error) error {
	if s.MayNote(event) {
		return s.Change(ctx, event, fn)
	}
	return s.Housekeep(ctx, func(tx *Tx) error {
		tx.Event = event
		if err := fn(tx); err != nil {
			return err
		}
		_, err := tx.CountFailure("refused/unrecorded", tx.Now.Add(time.Minute))
		return err
	})
}
