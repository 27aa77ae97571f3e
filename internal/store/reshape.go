package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"
)

// reshapeVersion is the migration after which the tables that every sign-in writes are one tree less each on SQLite.
const reshapeVersion = 11

// reshapedTable is a table without row ids: SQLite keeps one with a text as primary key as two trees otherwise, the rows by a number of its
// own and the keys beside them (sqlite.org/withoutrowid.html).
type reshapedTable struct {
	name, columns string
	indexes       []string
}

// reshaped are the tables as the migrations before have them. Their rows are short, and all but one in hundreds have ids that grow with time, so
// that they are added at the end of the tree.
var reshaped = []reshapedTable{
	{"spent_ceremonies", `
    id         TEXT NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL`, nil},
	{"sessions", `
    id                 TEXT NOT NULL PRIMARY KEY,
    secret_hash        BYTEA NOT NULL,
    person_id          TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    level              BIGINT NOT NULL,
    phishing_resistant BOOLEAN NOT NULL,
    methods            TEXT NOT NULL,
    security_key_id    TEXT NOT NULL,
    created_at         TIMESTAMP NOT NULL,
    proved_at          TIMESTAMP NOT NULL,
    last_seen_at       TIMESTAMP NOT NULL,
    idle_seconds       BIGINT NOT NULL,
    expires_at         TIMESTAMP NOT NULL,
    ended_at           TIMESTAMP,
    ip                 TEXT NOT NULL,
    browser            TEXT NOT NULL,
    recovery           TEXT NOT NULL DEFAULT '',
    station_id         TEXT NOT NULL DEFAULT '',
    lineage            TEXT NOT NULL DEFAULT '',
    known_at           TIMESTAMP`, []string{"CREATE INDEX sessions_person ON sessions (person_id)"}},
	{"audit_events", `
    id              TEXT NOT NULL PRIMARY KEY,
    at              TIMESTAMP NOT NULL,
    kind            TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    actor_id        TEXT NOT NULL,
    actor_name      TEXT NOT NULL,
    person_id       TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    subject         TEXT NOT NULL,
    subject_name    TEXT NOT NULL,
    message         TEXT NOT NULL,
    support_code    TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    ip              TEXT NOT NULL,
    browser         TEXT NOT NULL,
    detail          TEXT NOT NULL`, []string{
		"CREATE INDEX audit_events_person ON audit_events (person_id, id)",
		"CREATE INDEX audit_events_code ON audit_events (support_code) WHERE support_code <> ''",
	}},
}

// reshape is the migration. PostgreSQL has no such tables and nothing to do.
func (s *Store) reshape() *goose.Migration {
	return goose.NewGoMigration(reshapeVersion, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		if s.name != "sqlite" {
			return nil
		}
		for _, t := range reshaped {
			if err := t.rebuild(ctx, tx); err != nil {
				return fmt.Errorf("rebuild %s: %w", t.name, err)
			}
		}
		return nil
	}}, nil)
}

func (t reshapedTable) rebuild(ctx context.Context, tx *sql.Tx) error {
	var columns []string
	for line := range strings.Lines(strings.TrimSpace(t.columns)) {
		columns = append(columns, strings.Fields(line)[0])
	}
	list := strings.Join(columns, ", ")
	statements := append([]string{
		"CREATE TABLE " + t.name + "_new (" + t.columns + "\n) WITHOUT ROWID",
		"INSERT INTO " + t.name + "_new (" + list + ") SELECT " + list + " FROM " + t.name + " ORDER BY id",
		"DROP TABLE " + t.name,
		"ALTER TABLE " + t.name + "_new RENAME TO " + t.name,
	}, t.indexes...)
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
