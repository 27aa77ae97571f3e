package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
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

// A database of the first release keeps its rows, and they mean what they meant.
func TestMigrateFromTheFirstRelease(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			s := openStore(t, cfg)
			if err := store.MigrateTo(t.Context(), s, 1); err != nil {
				t.Fatal(err)
			}
			if err := s.CheckSchema(t.Context()); !errors.Is(err, store.ErrSchemaOld) {
				t.Errorf("the first schema: got error %v, want ErrSchemaOld", err)
			}
			sealed, err := s.Sealer().Seal("enrolments/e1", []byte("a password"))
			if err != nil {
				t.Fatal(err)
			}
			err = s.Housekeep(t.Context(), func(tx *store.Tx) error {
				for _, row := range []struct {
					query string
					args  []any
				}{
					{"INSERT INTO organisations (id, code, code_folded, name, phone, created_at) VALUES ('o1', 'NHS', 'nhs', 'Health service', '', $1)", []any{stored}},
					{`INSERT INTO people (id, organisation_id, username, username_folded, email, email_folded, name, name_folded, employee_number, phone, state, created_at)
						VALUES ('p1', 'o1', 'amara', 'amara', 'amara@nhs.example', 'amara@nhs.example', 'Amara', 'amara', 'E-1', '', 'active', $1)`, []any{stored}},
					{"INSERT INTO enrolments (id, person_id, method, state, version, created_at, last_used_at) VALUES ('e1', 'p1', 'password', $1, 7, $2, $2)", []any{sealed, stored}},
					{`INSERT INTO security_keys (id, person_id, state, state_before, nickname, nickname_folded, credential_id, public_key, user_handle, sign_count, aaguid,
						transports, user_verified, backup_eligible, backup_state, discoverable, attestation_format, attestation_object, client_data_json, same_key_as,
						registered_at, registered_by, last_used_where) VALUES ('k1', 'p1', 'active', '', 'Lanyard', 'lanyard', $1, $1, $1, 41, '', '', TRUE, FALSE, FALSE, TRUE, 'none',
						$1, $1, '', $2, 'p1', '')`, []any{[]byte("x"), stored}},
					{"INSERT INTO one_time_links (id, purpose, hash, created_at, expires_at) VALUES ('l1', 'set_up', $1, $2, $2)", []any{[]byte("hash"), stored}},
				} {
					if err := store.Exec(tx, row.query, row.args...); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}

			person := staffkey.Person{
				ID: "p1", Organisation: "o1", Username: "amara", Email: "amara@nhs.example", Name: "Amara", EmployeeNumber: "E-1", State: staffkey.PersonActive, CreatedAt: stored, SetUpAt: stored,
			}
			if diff := cmp.Diff(person, get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson("p1") }), exactTimes); diff != "" {
				t.Errorf("person (-want +got)\n%s", diff)
			}
			e := staffkey.Enrolment{
				ID: "e1", Person: "p1", Method: staffkey.MethodPassword, State: []byte("a password"), Version: 7, CreatedAt: stored, LastUsedAt: stored,
			}
			if diff := cmp.Diff(e, findEnrolment(t, s, "p1", staffkey.MethodPassword), exactTimes); diff != "" {
				t.Errorf("enrolment (-want +got)\n%s", diff)
			}
			if got := count(t, s, "p1", staffkey.MethodPassword); got.Strangers != 1 || got.Own != 0 || got.Off {
				t.Errorf("its first answer: got %+v, want one of a stranger", got)
			}
			keys := get(t, s, func(tx *store.Tx) ([]staffkey.SecurityKey, error) {
				return tx.ListSecurityKeys("p1", staffkey.SecurityKeyActive)
			})
			if len(keys) != 1 || keys[0].SignCount != 41 || !keys[0].StoppedAt.IsZero() || keys[0].StopReason != "" || keys[0].Replaces != "" {
				t.Errorf("keys %+v, want the one, not on hold", keys)
			}
		})
	}
}

// What an earlier release left: operators without a note of set-up, and frozen people whom an import has opened.
func TestMigratePeople(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		for name, had := range map[string]struct {
			query string
			arg   any
		}{
			"an operator": {"INSERT INTO role_grants (person_id, role, organisation_id, granted_at, granted_by) VALUES ('p1', 'operator', 'o1', $1, '')", stored},
			"an operator who is none any more": {`INSERT INTO audit_events (id, at, kind, outcome, actor_id, actor_name, person_id, organisation_id, subject, subject_name, message,
				support_code, session_id, ip, browser, detail) VALUES ('e1', $1, 'role_granted', 'done', '', '', '', '', 'operator', '', '', '', '', '', '', '')`, stored},
			"set-up under way": {"INSERT INTO installation (name, value) VALUES ('set_up_tasks', $1)", []byte("{}")},
			"nobody":           {},
		} {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := openStore(t, storetest.Config(t, engine))
				if err := store.MigrateTo(t.Context(), s, 6); err != nil {
					t.Fatal(err)
				}
				err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
					if err := store.Exec(tx, "INSERT INTO organisations (id, code, code_folded, name, phone, created_at) VALUES ('o1', 'NHS', 'nhs', 'Health service', '', $1)", stored); err != nil {
						return err
					}
					for id, state := range map[string]string{"p1": "active", "reopened": "active", "gone": "disabled", "frozen": "frozen"} {
						var since any
						if id != "p1" {
							since = stored
						}
						err := store.Exec(tx, `INSERT INTO people (id, organisation_id, username, username_folded, email, name, name_folded, employee_number, phone, state, created_at, frozen_at)
							VALUES ($1, 'o1', $1, $1, '', 'Amara', 'amara', 'E-1', '', $2, $3, $4)`, id, state, stored, since)
						if err != nil {
							return err
						}
						err = store.Exec(tx, `INSERT INTO sessions (id, secret_hash, person_id, level, phishing_resistant, methods, security_key_id, created_at, proved_at, last_seen_at,
							idle_seconds, expires_at, ip, browser) VALUES ($1, $2, $1, 1, FALSE, '', '', $3, $3, $3, 9, $3, '', '')`, id, []byte("x"), stored)
						if err != nil {
							return err
						}
					}
					if had.query == "" {
						return nil
					}
					return store.Exec(tx, had.query, had.arg)
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := get(t, s, func(tx *store.Tx) (bool, error) { return tx.IsSetUp() }); got != (had.query != "") {
					t.Errorf("it is set up: %t", got)
				}
				for id, want := range map[staffkey.PersonID]staffkey.PersonState{"p1": "active", "reopened": "frozen", "gone": "disabled", "frozen": "frozen"} {
					p := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(id) })
					if p.State != want || p.FrozenAt.IsZero() != (id == "p1") {
						t.Errorf("%s is %s since %v, want %s", id, p.State, p.FrozenAt, want)
					}
				}
				for id, want := range map[string]int{"reopened": 0, "p1": 1} {
					if got := get(t, s, func(tx *store.Tx) (int, error) { return store.CountSessions(tx, id) }); got != want {
						t.Errorf("%s has %d sessions, want %d", id, got, want)
					}
				}
			})
		}
	}
}
