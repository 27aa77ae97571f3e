package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// put stores a value of the installation, the smallest change there is.
func put(name string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.PutInstallationValue(name, []byte(name)) }
}

// storedNames returns those of the names that hold a value.
func storedNames(t testing.TB, s *store.Store, names ...string) (there []string) {
	t.Helper()
	read(t, s, func(tx *store.Tx) error {
		for _, name := range names {
			switch _, err := tx.FindInstallationValue(name); {
			case err == nil:
				there = append(there, name)
			case !errors.Is(err, staffkey.ErrNotFound):
				return err
			}
		}
		return nil
	})
	return there
}

func TestChangeNeedsAnEvent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		err := s.Change(t.Context(), staffkey.AuditEvent{}, func(*store.Tx) error {
			t.Error("a change without an event ran")
			return nil
		})
		if err == nil {
			t.Error("a change without an event was made")
		}
	})
}

func TestChangeKeepsNothingAfterAnError(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		no := staffkey.Refused("rule", "message")
		for name, fail := range map[string]func() error{
			"error": func() error { return fmt.Errorf("because: %w", no) },
			"panic": func() error { panic("out of tea") },
			"nil":   func() error { var p *staffkey.Person; return errors.New(p.Name) },
		} {
			err := s.Change(t.Context(), event, func(tx *store.Tx) error {
				if err := put(name)(tx); err != nil {
					return err
				}
				return fail()
			})
			switch {
			case err == nil:
				t.Errorf("%s: the change is reported as made", name)
			case name == "error" && !errors.Is(err, staffkey.ErrRefused):
				t.Errorf("got error %v, want a refusal", err)
			case name == "panic" && !strings.Contains(err.Error(), "out of tea"):
				t.Errorf("got error %v, want what the panic said", err)
			}
		}
		change(t, s, put("after")) // nobody else is the worse for it
		if got := storedNames(t, s, "error", "panic", "nil", "after"); len(got) != 1 || got[0] != "after" {
			t.Errorf("stored %v, want only what was changed after", got)
		}
		events := get(t, s, func(tx *store.Tx) ([]staffkey.AuditEvent, error) {
			return tx.ListAuditEvents(store.AuditFilter{Limit: 9})
		})
		if len(events) != 1 {
			t.Errorf("%d events, want the one of the change that was made", len(events))
		}
	})
}

func TestReadSurvivesAPanic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		for range 20 { // more than there are readers
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic did not reach the reader")
					}
				}()
				_ = s.Read(t.Context(), func(tx *store.Tx) error {
					_, _ = tx.SetUpFinished()
					panic("out of tea")
				})
			}()
		}
		change(t, s, (*store.Tx).FinishSetUp)
		if done := get(t, s, func(tx *store.Tx) (bool, error) { return tx.SetUpFinished() }); !done {
			t.Error("a reader sees an old state")
		}
	})
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		over, cancel := context.WithCancel(t.Context())
		cancel()
		ran := func(*store.Tx) error {
			t.Error("ran although the context was over")
			return nil
		}
		for range 20 {
			if err := s.Change(over, event, ran); !errors.Is(err, context.Canceled) {
				t.Errorf("Change: got error %v, want context.Canceled", err)
			}
			if err := s.Read(over, ran); !errors.Is(err, context.Canceled) {
				t.Errorf("Read: got error %v, want context.Canceled", err)
			}
		}

		// Cancelled while it waits or runs, a change is made whole or not at all, and the answer says which.
		const n = 40
		names, ctx := make([]string, n), make([]context.Context, n)
		cancels := make([]context.CancelFunc, n)
		for i := range names {
			names[i] = fmt.Sprintf("cancelled-%d", i)
			ctx[i], cancels[i] = context.WithCancel(t.Context())
			defer cancels[i]()
		}
		errs := parallel(n, func(i int) error {
			return s.Change(ctx[i], event, func(tx *store.Tx) error {
				cancels[(i+7)%n]()
				return put(names[i])(tx)
			})
		})
		there := map[string]bool{}
		for _, name := range storedNames(t, s, names...) {
			there[name] = true
		}
		for i, err := range errs {
			if there[names[i]] != (err == nil) {
				t.Errorf("change %d: error %v, stored %t", i, err, there[names[i]])
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("change %d: got error %v, want context.Canceled", i, err)
			}
		}
	})
}

// Whatever goes wrong in one change of a group, the others are made.
func TestChangesOfAGroupAreIndependent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		addPerson(t, s, w.trust.ID, "taken")
		const n = 96
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("change-%02d", i)
		}
		errs := parallel(n, func(i int) error {
			return s.Change(context.Background(), event, func(tx *store.Tx) error {
				if err := put(names[i])(tx); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return tx.InsertPeople(newPerson(w.trust.ID, "TAKEN")) // breaks a unique key
				case 2:
					return staffkey.Refused("rule", "message")
				case 3:
					panic("out of tea")
				}
				return nil
			})
		})
		for i, err := range errs {
			want := []error{nil, staffkey.ErrConflict, staffkey.ErrRefused, nil}[i%4]
			if i%4 == 3 {
				if err == nil {
					t.Errorf("change %d panicked and is reported as made", i)
				}
			} else if !errors.Is(err, want) {
				t.Errorf("change %d: got error %v, want %v", i, err, want)
			}
		}
		if got := len(storedNames(t, s, names...)); got != n/4 {
			t.Errorf("%d changes are stored, want %d", got, n/4)
		}
		events := get(t, s, func(tx *store.Tx) ([]staffkey.AuditEvent, error) {
			return tx.ListAuditEvents(store.AuditFilter{Limit: 1000})
		})
		if want := 2 + n/4; len(events) != want {
			t.Errorf("%d events, want %d", len(events), want)
		}
	})
}

// Two writers each take the role of one of two operators away "if another remains": on both engines one is left, because
// what a change has read still holds when it commits.
func TestNoWriteSkew(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		people := []staffkey.Person{addPerson(t, s, w.root.ID, "amara"), addPerson(t, s, w.root.ID, "bryn")}
		last := staffkey.Refused("last_operator", "message")
		for round := range 30 {
			change(t, s, func(tx *store.Tx) error {
				for _, p := range people {
					if _, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleOperator, Organisation: w.root.ID, GrantedAt: tx.Now}); err != nil {
						return err
					}
				}
				return nil
			})
			oneOnly(t, parallel(2, func(i int) error {
				return s.Change(context.Background(), event, func(tx *store.Tx) error {
					n, err := tx.CountOperators()
					if err != nil {
						return err
					}
					if n < 2 {
						return last
					}
					return tx.DeleteRoleGrant(people[i].ID, staffkey.RoleOperator, w.root.ID)
				})
			}), staffkey.ErrRefused)
			if n := get(t, s, func(tx *store.Tx) (int, error) { return tx.CountOperators() }); n != 1 {
				t.Fatalf("round %d: %d operators are left, want 1", round, n)
			}
		}
	})
}

// A change that breaks a key cannot go on as if nothing had happened: PostgreSQL ends the transaction, and so must SQLite.
func TestBrokenKeyEndsTheChange(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		addPerson(t, s, w.trust.ID, "taken")
		err := s.Change(t.Context(), event, func(tx *store.Tx) error {
			_ = tx.InsertPeople(newPerson(w.trust.ID, "taken"))
			_ = put("went on")(tx)
			return nil
		})
		if err == nil {
			t.Error("the change is reported as made")
		}
		if got := storedNames(t, s, "went on"); len(got) != 0 {
			t.Errorf("stored %v, want nothing", got)
		}
	})
}

func TestHousekeepRecordsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		if err := s.Housekeep(t.Context(), put("a")); err != nil {
			t.Fatal(err)
		}
		events := get(t, s, func(tx *store.Tx) ([]staffkey.AuditEvent, error) {
			return tx.ListAuditEvents(store.AuditFilter{Limit: 9})
		})
		if len(events) != 0 || len(storedNames(t, s, "a")) != 1 {
			t.Errorf("%d events and the value stored: %t, want none and true", len(events), len(storedNames(t, s, "a")) == 1)
		}
	})
}
