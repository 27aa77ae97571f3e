package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// postgresServer returns a connection as its superuser and the URL, or skips.
func postgresServer(t *testing.T) (*sql.DB, *url.URL) {
	t.Helper()
	if !slices.Contains(storetest.Engines(t), "postgresql") {
		t.Skip("there is no PostgreSQL here")
	}
	u, err := url.Parse(storetest.Schema(t))
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = "sslmode=disable"
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, u
}

func sqlExec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), s); err != nil {
			t.Fatal(err)
		}
	}
}

// A database that cannot keep every name is refused before anything is stored in it.
func TestOpen_refuses_other_encodings(t *testing.T) {
	t.Parallel()
	db, u := postgresServer(t)
	for _, encoding := range []string{"LATIN1", "SQL_ASCII", "EUC_JP", "UTF8"} {
		name := "encoding_" + strings.ToLower(encoding)
		sqlExec(t, db, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)", "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING '"+encoding+"' LOCALE 'C'")
		t.Cleanup(func() { sqlExec(t, db, "DROP DATABASE "+name+" WITH (FORCE)") })
		at := *u
		at.Path = "/" + name
		s, err := store.Open(t.Context(), store.Config{PostgreSQL: at.String()})
		if errors.Is(err, store.ErrEncoding) != (encoding != "UTF8") || err != nil && !strings.Contains(err.Error(), encoding) {
			t.Errorf("%s: %v", encoding, err)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// The text that we send is UTF-8, whatever the client's default at the server is.
func TestOpen_sets_the_encoding_of_the_client(t *testing.T) {
	t.Parallel()
	db, u := postgresServer(t)
	sqlExec(t, db, "DROP ROLE IF EXISTS latin_client", "CREATE ROLE latin_client LOGIN SUPERUSER", "ALTER ROLE latin_client SET client_encoding = 'LATIN1'")
	t.Cleanup(func() { sqlExec(t, db, "DROP ROLE latin_client") })
	u.User = url.User("latin_client")
	s, err := store.Open(t.Context(), store.Config{PostgreSQL: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var encoding, text string
	read(t, s, func(tx *store.Tx) error {
		return errors.Join(store.ScanRow(tx, "SHOW client_encoding", &encoding), store.ScanRow(tx, "SELECT 'Llŷr ŵ 漢'", &text))
	})
	if encoding != "UTF8" || text != "Llŷr ŵ 漢" {
		t.Errorf("encoding %s, text %s", encoding, text)
	}
}

// A user without rights on the schema, as those of PostgreSQL 15 are, is told apart from other failures.
func TestMigrate_without_rights(t *testing.T) {
	t.Parallel()
	db, u := postgresServer(t)
	sqlExec(t, db, "DROP DATABASE IF EXISTS of_another WITH (FORCE)", "DROP ROLE IF EXISTS plain_user", "CREATE ROLE plain_user LOGIN", "CREATE DATABASE of_another TEMPLATE template0 ENCODING 'UTF8'")
	t.Cleanup(func() { sqlExec(t, db, "DROP DATABASE of_another WITH (FORCE)", "DROP ROLE plain_user") })
	u.User, u.Path = url.User("plain_user"), "/of_another"
	cfg := storetest.Config(t, "sqlite")
	s, err := store.Open(t.Context(), store.Config{PostgreSQL: u.String(), Sealer: cfg.Sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); !errors.Is(err, store.ErrNoRight) {
		t.Errorf("migrate: %v, want ErrNoRight", err)
	}
	sqlExec(t, db, "ALTER DATABASE of_another OWNER TO plain_user")
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("as the owner: %v", err)
	}
	server, err := s.LookAtServer(t.Context())
	if err != nil || server.Follows || server.ReadOnly || server.Pooled || server.Unprepared != nil || server.Version == "" {
		t.Errorf("the server: %+v, %v", server, err)
	}
}

// What the URL does not say is added, and what it says wins.
func TestPostgresURL_defaults(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]store.Defaults{
		"postgres://h/d":                                                 {ConnectTimeout: "3s"},
		"postgres://h/d?connect_timeout=20":                              {ConnectTimeout: "20s"},
		"postgres://a,b/d":                                               {ConnectTimeout: "3s", OnlyPrimary: true},
		"postgres://a:1,a:2/d?sslmode=require":                           {ConnectTimeout: "3s", OnlyPrimary: true},
		"postgres://a,b/d?target_session_attrs=any":                      {ConnectTimeout: "3s"},
		"postgres://a,b/d?target_session_attrs=primary":                  {ConnectTimeout: "3s", OnlyPrimary: true},
		"host=a,b dbname=d connect_timeout=1 target_session_attrs=any":   {ConnectTimeout: "1s"},
		"postgres://h/d?sslmode=prefer":                                  {ConnectTimeout: "3s"},
		"postgres://h/d?default_query_exec_mode=exec&connect_timeout=20": {ConnectTimeout: "20s"},
	} {
		got, err := store.DefaultsOf(dsn)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", dsn, got, err, want)
		}
	}
	if got := store.Postgres("postgres://u:secret@a,b:5433/staff?sslmode=disable"); got != "staff on a:5432, b:5433" {
		t.Errorf("the name of a database: %q", got)
	}
}

// Several nodes migrate one empty database at once, and a lock that a lost node left is taken when its time is over; nothing waits for ever.
func TestMigrate_is_locked_in_a_table(t *testing.T) {
	t.Parallel()
	if !slices.Contains(storetest.Engines(t), "postgresql") {
		t.Skip("there is no PostgreSQL here")
	}
	cfg := storetest.Config(t, "postgresql")
	var stores []*store.Store
	for range 4 {
		s, err := store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		stores = append(stores, s)
	}
	for _, err := range parallel(len(stores), func(i int) error { return stores[i].Migrate(t.Context()) }) {
		if err != nil {
			t.Error(err)
		}
	}
	var held int
	read(t, stores[0], func(tx *store.Tx) error {
		return store.ScanRow(tx, "SELECT COUNT(*) FROM goose_lock WHERE locked", &held)
	})
	if held != 0 {
		t.Errorf("%d locks are left", held)
	}
}

func TestUnknownOutcome_is_an_unavailable_database(t *testing.T) {
	t.Parallel()
	if !errors.Is(staffkey.ErrUnknownOutcome, staffkey.ErrUnavailable) {
		t.Error("whoever waits for an unavailable database does not wait for this")
	}
}
