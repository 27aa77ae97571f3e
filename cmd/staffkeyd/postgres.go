package main

import (
	"errors"
	"fmt"

	"staffkey/internal/store"
)

// postgresProblem says why a PostgreSQL database cannot be opened, and what to do.
func postgresProblem(url string, err error) error {
	if p := explainPostgres(err); p != err {
		return p
	}
	where := store.Postgres(url)
	if where == "" { // a URL that cannot be read, which the error says
		return &problem{cause: lastCause(err), fix: "Check --postgres or --postgres-file.", err: err}
	}
	return &problem{cause: "the PostgreSQL database " + where + " does not answer: " + lastCause(err), fix: "Check that it runs, and the URL in --postgres or --postgres-file.", err: err}
}

// explainPostgres gives an error of PostgreSQL that has one cause the words for it; others stay as they are.
func explainPostgres(err error) error {
	switch {
	case errors.Is(err, store.ErrEncoding):
		return &problem{
			cause: lastCause(err) + ", so it cannot keep every name as it is",
			fix:   "Make another database: CREATE DATABASE staffkey ENCODING 'UTF8' TEMPLATE template0 OWNER staffkey; and move what this one has with pg_dump and pg_restore, which change the encoding.",
			err:   err,
		}
	case errors.Is(err, store.ErrNoRight):
		return &problem{
			cause: "the user of the PostgreSQL URL may not make tables: " + lastCause(err),
			fix: fmt.Sprintf("As its superuser, let the user own the database, or give it the right (PostgreSQL 15 no longer does by itself):\n  %s\n  %s",
				"ALTER DATABASE staffkey OWNER TO staffkey;", "GRANT CREATE, USAGE ON SCHEMA public TO staffkey;   -- connected to that database"),
			err: err,
		}
	case errors.Is(err, store.ErrPooled):
		return &problem{
			cause: "a pooler in front of PostgreSQL hands out connections by transaction and does not know prepared statements: " + lastCause(err),
			fix: "Let it pool by session, or take PgBouncer 1.21 or later with max_prepared_statements, or add default_query_exec_mode=exec to the URL (docs/operating.md, PostgreSQL).\n" +
				"  staffkeyd migrate works best on a URL without the pooler.",
			err: err,
		}
	}
	return err
}
