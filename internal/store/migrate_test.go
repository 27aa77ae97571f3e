package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

func openStore(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// Several nodes of a new release start at once on one empty database.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			stores := make([]*store.Store, 4)
			errs := parallel(len(stores), func(i int) (err error) {
				if stores[i], err = store.Open(context.Background(), cfg); err != nil {
					return err
				}
				return stores[i].Migrate(context.Background())
			})
			for i, err := range errs {
				if err != nil {
					t.Errorf("node %d: %v", i, err)
					continue
				}
				if err := stores[i].CheckSchema(context.Background()); err != nil {
					t.Errorf("node %d: check: %v", i, err)
				}
				if err := stores[i].Migrate(context.Background()); err != nil {
					t.Errorf("node %d: migrate again: %v", i, err)
				}
			}
			for _, s := range stores {
				if s != nil {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			s := openStore(t, cfg)
			if err := s.CheckSchema(t.Context()); !errors.Is(err, store.ErrSchemaOld) {
				t.Errorf("empty database: got error %v, want ErrSchemaOld", err)
			}
			if err := s.Health(t.Context()); engine == "sqlite" && err == nil {
				t.Error("an empty database is called healthy")
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.CheckSchema(t.Context()); err != nil {
				t.Errorf("after Migrate: %v", err)
			}
			if err := s.Health(t.Context()); err != nil {
				t.Errorf("health: %v", err)
			}
			if s.Engine() != engine {
				t.Errorf("Engine = %q, want %q", s.Engine(), engine)
			}

			other := cfg
			other.Sealer = openSealer(t, filepath.Join(t.TempDir(), "other-key"))
			o := openStore(t, other)
			if err := o.CheckSchema(t.Context()); !errors.Is(err, store.ErrOtherKey) {
				t.Errorf("check with another key: got error %v, want ErrOtherKey", err)
			}
			if err := o.Migrate(t.Context()); !errors.Is(err, store.ErrOtherKey) {
				t.Errorf("migrate with another key: got error %v, want ErrOtherKey", err)
			}
			if err := s.CheckSchema(t.Context()); err != nil {
				t.Errorf("the right key after the wrong one: %v", err)
			}
		})
	}
}

func TestWhatIsDoneIsThereAfterClose(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			s, err := store.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			w := plant(t, s)
			amara := addPerson(t, s, w.trust.ID, "amara")
			done := make(chan error, 1)
			go func() { done <- s.Change(context.Background(), event, put("at the end")) }()
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			last := <-done
			if err := s.Change(t.Context(), event, put("after the end")); err == nil {
				t.Error("a closed store makes changes")
			}
			if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.CountPeople(); return err }); err == nil {
				t.Error("a closed store reads")
			}

			s = openStore(t, cfg)
			get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(amara.ID) })
			if got, want := len(storedNames(t, s, "at the end")) == 1, last == nil; got != want {
				t.Errorf("the change beside Close is stored: %t, and was reported as made: %t", got, want)
			}
			if len(storedNames(t, s, "after the end")) != 0 {
				t.Error("a change after Close is stored")
			}
		})
	}
}
