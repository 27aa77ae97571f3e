package store_test

import (
	"fmt"
	"strings"
	"testing"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// The tables that every sign-in writes are of another shape after the migration and hold the same: columns, rows, indexes, and what goes with a person.
func TestMigrateReshapesTables(t *testing.T) {
	t.Parallel()
	s := openStore(t, storetest.Config(t, "sqlite"))
	if err := store.MigrateTo(t.Context(), s, 10); err != nil {
		t.Fatal(err)
	}
	change := func(statement string, args ...any) {
		t.Helper()
		if err := s.Housekeep(t.Context(), func(tx *store.Tx) error { return store.Exec(tx, statement, args...) }); err != nil {
			t.Fatal(err)
		}
	}
	tables := []string{"spent_ceremonies", "sessions", "audit_events"}
	text := func(query string) (all string) {
		read(t, s, func(tx *store.Tx) error { return store.ScanRow(tx, query, &all) })
		return all
	}
	look := func() (seen []string) {
		for _, table := range tables {
			columns := text("SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || coalesce(dflt_value, '-') || ' ' || pk, ';') FROM pragma_table_info('" + table + "')")
			seen = append(seen, columns, text("SELECT coalesce(group_concat(sql, ';'), '') FROM (SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '"+table+"' ORDER BY name)"),
				text("SELECT coalesce(group_concat(\"table\" || on_delete, ';'), '') FROM pragma_foreign_key_list('"+table+"')"))
			var names []string
			for column := range strings.SplitSeq(columns, ";") {
				names = append(names, "quote("+strings.Fields(column)[0]+")")
			}
			seen = append(seen, text("SELECT group_concat(line, char(10)) FROM (SELECT "+strings.Join(names, "||','||")+" AS line FROM "+table+" ORDER BY id)"))
		}
		return seen
	}
	change("INSERT INTO organisations (id, code, code_folded, name, phone, created_at) VALUES ('o', 'A', 'a', 'A', '', '2026-01-01 00:00:00+00:00')")
	change(`INSERT INTO people (id, organisation_id, username, username_folded, email, name, name_folded, employee_number, phone, state, created_at)
		VALUES ('p', 'o', 'amara', 'amara', '', 'Amara', 'amara', '', '', 'active', '2026-01-01 00:00:00+00:00')`)
	for i := range 300 {
		id := fmt.Sprintf("%08d-%d", (i*7919)%1000, i) // not in the order of the ids
		change("INSERT INTO spent_ceremonies (id, expires_at) VALUES ($1, '2026-01-01 00:00:00.5+00:00')", id)
		change(`INSERT INTO sessions (id, secret_hash, person_id, level, phishing_resistant, methods, security_key_id, created_at, proved_at, last_seen_at,
			idle_seconds, expires_at, ended_at, ip, browser, recovery, station_id, lineage, known_at) VALUES ($1, x'00ff', 'p', 3, TRUE, 'securitykey', 'k', '2026-01-01', '2026-01-02',
			'2026-01-03', 60, '2026-01-04', NULL, '192.0.2.1', 'Firefox', 'pass', 's', 'key:k', '2026-01-05')`, id)
		change(`INSERT INTO audit_events (id, at, kind, outcome, actor_id, actor_name, person_id, organisation_id, subject, subject_name, message, support_code,
			session_id, ip, browser, detail) VALUES ($1, '2026-01-01', 'signed_in', 'done', 'p', 'Amara', 'p', 'o', 's', $2, 'm', 'c', 's', 'i', 'b', 'd')`, id, strings.Repeat("ŵ", i*10))
	}
	before := look()
	if err := store.MigrateTo(t.Context(), s, 11); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
	if n := text("SELECT COUNT(*) FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID'"); n != "3" {
		t.Errorf("%s tables are without row ids, want 3", n)
	}
	if err := s.CheckIntegrity(t.Context()); err != nil {
		t.Error(err)
	}
	change("DELETE FROM people WHERE id = 'p'")
	if n := text("SELECT COUNT(*) FROM sessions"); n != "0" {
		t.Errorf("%s sessions of nobody are left", n)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("to this release: %v", err)
	}
}
