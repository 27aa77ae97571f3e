package store_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// Whoever has ever had a key in use has set something up, whatever was noted then; whose only key waits for its review has not.
func TestMigrate_notes_who_has_set_something_up(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, storetest.Config(t, engine))
			if err := store.MigrateTo(t.Context(), s, 5); err != nil {
				t.Fatal(err)
			}
			people := []struct {
				id, state, before, reason string
				want                      bool
			}{
				{"approved", "active", "", "", true},
				{"lost", "suspended", "", "lost", true},
				{"removed", "removed", "active", "", true},
				{"approved and removed", "removed", "active", "review", true},
				{"in review", "suspended", "", "review", false},
				{"given up in review", "removed", "suspended", "review", false},
				{"never named", "pending", "", "", false},
			}
			err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
				if err := store.Exec(tx, "INSERT INTO organisations (id, code, code_folded, name, phone, created_at) VALUES ('o1', 'NHS', 'nhs', 'Health service', '', $1)", stored); err != nil {
					return err
				}
				for _, p := range people {
					err := store.Exec(tx, `INSERT INTO people (id, organisation_id, username, username_folded, email, name, name_folded, employee_number, phone, state, created_at)
						VALUES ($1, 'o1', $1, $1, '', $1, $1, '', '', 'active', $2)`, p.id, stored)
					if err != nil {
						return err
					}
					err = store.Exec(tx, `INSERT INTO security_keys (id, person_id, state, state_before, nickname, nickname_folded, credential_id, public_key, user_handle, sign_count, aaguid,
						transports, user_verified, backup_eligible, backup_state, discoverable, attestation_format, attestation_object, client_data_json, same_key_as,
						registered_at, registered_by, last_used_where, stop_reason) VALUES ($1, $1, $2, $3, 'Key', 'key', $4, $4, $4, 1, '', '', TRUE, FALSE, FALSE, TRUE, 'none', $4, $4, '',
						$5, $1, '', $6)`, p.id, p.state, p.before, []byte(p.id), stored, p.reason)
					if err != nil {
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
			for _, p := range people {
				got := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(staffkey.PersonID(p.id)) })
				if !got.SetUpAt.IsZero() != p.want {
					t.Errorf("%s: set up at %v, want %t", p.id, got.SetUpAt, p.want)
				}
			}
		})
	}
}
