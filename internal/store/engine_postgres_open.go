package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"staffkey"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Why a PostgreSQL database cannot be used as it is. The commands say how to mend it.
var (
	ErrEncoding = errors.New("the database does not store text as UTF8")
	ErrNoRight  = errors.New("the user may not make tables in the schema")
	// ErrPooled says that statements which one connection prepared are met on another: a pooler between hands its connections out by
	// transaction and does not follow prepared statements.
	ErrPooled = fmt.Errorf("%w: a pooler between hands out connections by transaction and does not know prepared statements", staffkey.ErrUnavailable)
)

// connectWithin bounds an attempt to connect to one host where the URL says nothing (connect_timeout). A host that is frozen or cut off says
// nothing at all, and the next in the URL is not asked before its time is over.
const connectWithin = 3 * time.Second

// SQLSTATEs of what is told above.
const (
	pgNoRight         = "42501"
	pgPreparedAlready = "42P05"
	pgPreparedUnknown = "26000"
	pgNotSupported    = "0A000"
)

// postgresConfig reads a connection URL and adds what an installation needs and the URL does not say.
func postgresConfig(dsn string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The driver masks a password only where it can tell what the password is, so its error is not shown.
		return nil, errors.New("the PostgreSQL URL cannot be read (expected postgres://user:password@host:5432/database, with %, # and / of a password written as %25, %23 and %2F)")
	}
	said := func(setting, variable string) bool {
		return strings.Contains(dsn, setting+"=") || os.Getenv(variable) != ""
	}
	if !said("connect_timeout", "PGCONNECT_TIMEOUT") {
		cfg.ConnectTimeout = connectWithin
	}
	// Of several hosts, the one that takes changes; the others follow it.
	hosts := []string{fmt.Sprintf("%s:%d", cfg.Host, cfg.Port)}
	for _, f := range cfg.Fallbacks {
		hosts = append(hosts, fmt.Sprintf("%s:%d", f.Host, f.Port))
	}
	if slices.Sort(hosts); len(slices.Compact(hosts)) > 1 && !said("target_session_attrs", "PGTARGETSESSIONATTRS") {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if !said("client_encoding", "PGCLIENTENCODING") {
		cfg.RuntimeParams["client_encoding"] = "UTF8"
	}
	fatal := cfg.OnPgError
	cfg.OnPgError = func(c *pgconn.PgConn, err *pgconn.PgError) bool { // false closes the connection
		return (fatal == nil || fatal(c, err)) && !follows(err)
	}
	return cfg, nil
}

// follows reports an error of a server that follows another one, or that takes no changes for another reason. One that follows refuses the
// isolation of a change as not supported; all else that we ask is supported, but for a statement prepared before a migration.
func follows(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == pgReadOnly || e.Code == pgNotSupported && e.Routine != "RevalidateCachedQuery")
}

// isPooled reports an error of a prepared statement that is there on a connection which did not prepare it, or the other way round.
func isPooled(err error) bool {
	code := pgCode(err)
	return code == pgPreparedAlready || code == pgPreparedUnknown
}

// fit refuses a database in which text would come to harm: in an encoding with fewer characters PostgreSQL refuses names or, where it knows
// none (SQL_ASCII), keeps bytes that nobody else reads as the same.
func (e *postgresEngine) fit(ctx context.Context) error {
	var encoding string
	if err := e.pool.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); isPooled(err) {
		return fmt.Errorf("%w: %w", ErrPooled, err)
	} else if err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: its encoding is %s", ErrEncoding, encoding)
	}
	return nil
}

// Server says what a PostgreSQL server is, as far as it tells.
type Server struct {
	// Version is its version, such as "15.18 (Debian 15.18-0+deb12u1)".
	Version string
	// Follows says that it follows another server, and ReadOnly that it takes no changes.
	Follows, ReadOnly bool
	// Installed says that a server of ours has set the database up.
	Installed bool
	// Unprepared is the error of a prepared statement that was used a second time on one of several connections; nil when all is well.
	Unprepared error
	// Pooled says that connections change their server process between transactions: a pooler is between.
	Pooled bool
}

// poolerConnections is how many connections a look for a pooler opens: with one, a pooler gives the same process each time.
const poolerConnections = 4

// LookAtServer asks what an operator wants to know of the database server; nil for SQLite, which has none. It changes nothing.
func (s *Store) LookAtServer(ctx context.Context) (*Server, error) {
	if s.name != "postgresql" {
		return nil, nil
	}
	var conns []*sql.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close() // gives it back
		}
	}()
	for range poolerConnections {
		c, err := s.engine.db().Conn(ctx)
		if err != nil {
			return nil, marked(ctx, err)
		}
		conns = append(conns, c)
	}
	var found Server
	err := conns[0].QueryRowContext(ctx, "SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', to_regclass('installation') IS NOT NULL").
		Scan(&found.Version, &found.Follows, &found.ReadOnly, &found.Installed)
	if isPooled(err) {
		return &Server{Unprepared: fmt.Errorf("%w: %w", ErrPooled, err), Pooled: true}, nil
	}
	if err != nil {
		return nil, marked(ctx, err)
	}
	processes := map[int]int{} // by connection
	for round := range 3 {
		// In the other order each time, so that a pooler that hands out the one that was given back last crosses them.
		for i := range conns {
			if round%2 == 1 {
				i = len(conns) - 1 - i
			}
			var process int
			if err := conns[i].QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&process); err != nil {
				if !isPooled(err) {
					return nil, marked(ctx, err)
				}
				found.Unprepared = fmt.Errorf("%w: %w", ErrPooled, err)
				continue
			}
			if before, ok := processes[i]; ok && before != process {
				found.Pooled = true
			}
			for other, p := range processes {
				found.Pooled = found.Pooled || other != i && p == process
			}
			processes[i] = process
		}
	}
	return &found, nil
}

// Postgres names the server and the database of a URL for people, without its password: "staffkey on db1:5432, db2:5432".
func Postgres(dsn string) string {
	cfg, err := postgresConfig(dsn)
	if err != nil {
		return ""
	}
	hosts := []string{fmt.Sprintf("%s:%d", cfg.Host, cfg.Port)}
	for _, f := range cfg.Fallbacks {
		if h := fmt.Sprintf("%s:%d", f.Host, f.Port); !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	name := (&url.URL{Path: cfg.Database}).Path
	return name + " on " + strings.Join(hosts, ", ")
}
