package store_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// Names that an earlier release took with characters that nobody sees are found by what can be seen.
func TestMigrateFoldsNamesAnew(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			var log bytes.Buffer
			cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
			s := openStore(t, cfg)
			if err := store.MigrateTo(t.Context(), s, 9); err != nil {
				t.Fatal(err)
			}
			person := func(tx *store.Tx, id, username, email, name string) error {
				// The folded forms of the earlier release: lower case, with whatever cannot be seen.
				var folded any
				if email != "" {
					folded = strings.ToLower(email)
				}
				return store.Exec(tx, `INSERT INTO people (id, organisation_id, username, username_folded, email, email_folded, name, name_folded, employee_number, phone, state, created_at)
					VALUES ($1, 'o1', $2, $3, $4, $5, $6, $7, '', '', 'active', $8)`, id, username, strings.ToLower(username), email, folded, name, strings.ToLower(name), stored)
			}
			key := func(tx *store.Tx, id, person, nickname, state string) error {
				return store.Exec(tx, `INSERT INTO security_keys (id, person_id, state, state_before, nickname, nickname_folded, credential_id, public_key, user_handle, sign_count, aaguid,
					transports, user_verified, backup_eligible, backup_state, discoverable, attestation_format, attestation_object, client_data_json, same_key_as,
					registered_at, registered_by, last_used_where) VALUES ($1, $2, $3, '', $4, $5, $6, $6, $6, 1, '', '', TRUE, FALSE, FALSE, TRUE, 'none', $6, $6, '', $7, 'p1', '')`,
					id, person, state, nickname, strings.ToLower(nickname), []byte(id), stored)
			}
			err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
				steps := []error{
					store.Exec(tx, "INSERT INTO organisations (id, code, code_folded, name, phone, created_at) VALUES ('o1', 'NHS', 'nhs', 'Health service', '', $1)", stored),
					store.Exec(tx, "INSERT INTO organisation_ancestors (organisation_id, ancestor_id, depth) VALUES ('o1', 'o1', 0)"),
					person(tx, "p1", "R18\u200b", "r18@nhs.example\u200b", "Amara\u00ad Okafor"),
					person(tx, "p2", "\ufeffzoe", "", "Zoe\u0308"), // p3 has the name that this one would have
					person(tx, "p3", "zoe", "", "Zoë"),
					person(tx, "p4", "lin\u2060", "", "Lin"), // older than p5, and nobody found either
					person(tx, "p5", "lin\u200b", "", "Lin"),
					key(tx, "k1", "p1", "De\u00adsk", "active"),
					key(tx, "k2", "p1", "Desk\u200b", "suspended"),
					key(tx, "k3", "p1", "Desk\u2060", "removed"), // in nobody's way
				}
				for _, err := range steps {
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
			for login, want := range map[string]staffkey.PersonID{"r18": "p1", "R18@nhs.example": "p1", "zoe": "p3", "lin": "p4"} {
				if p := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPersonByLogin(login) }); p.ID != want {
					t.Errorf("%q means %s, want %s", login, p.ID, want)
				}
			}
			p := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson("p1") })
			if p.Username != "R18" || p.Email != "r18@nhs.example" || p.Name != "Amara Okafor" {
				t.Errorf("p1 is %+q", p)
			}
			found := get(t, s, func(tx *store.Tx) ([]staffkey.Person, error) {
				return tx.ListPeople([]staffkey.OrganisationID{"o1"}, "amara okafor", nil, 10)
			})
			if len(found) != 1 || found[0].ID != "p1" {
				t.Errorf("found by name: %+v", found)
			}
			for id, want := range map[staffkey.SecurityKeyID]string{"k1": "Desk", "k2": "Desk\u200b", "k3": "Desk"} {
				if k := get(t, s, func(tx *store.Tx) (staffkey.SecurityKey, error) { return tx.FindSecurityKey("p1", id) }); k.Nickname != want {
					t.Errorf("%s is called %q, want %q", id, k.Nickname, want)
				}
			}
			for _, want := range []string{"id=p2 kept_by=p3", "id=p5 kept_by=p4", "id=k2 kept_by=k1"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log does not tell %s:\n%s", want, log.String())
				}
			}
			if got := strings.Count(log.String(), "\n"); got != 3 {
				t.Errorf("the log has %d lines, want 3:\n%s", got, log.String())
			}
		})
	}
}
