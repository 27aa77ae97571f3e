// Package store holds all SQL of Staffkey: one text that runs unchanged on SQLite and PostgreSQL, with the few real
// differences in the files named engine. It stores and finds; it knows no rules. Rules live in policy, and the operations that ask
// them in directory and signin.
//
// [Store.Read], [Store.Survey] and [Store.Change] hand out a [Tx]; the statements are methods of Tx, grouped by noun in the file of that
// name. A change carries its audit event and is durable when Change returns nil: on SQLite with synchronous=FULL and one
// fsync for a whole group of concurrent changes, on PostgreSQL serializable with retry. A Change function may therefore
// run more than once and must have no effect besides its statements.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"staffkey"

	"github.com/google/uuid"
)

// Config says where the data is.
type Config struct {
	// SQLite is the path of the database file; PostgreSQL a connection URL. Exactly one is set.
	SQLite     string
	PostgreSQL string
	// Sealer seals secrets at rest.
	Sealer *Sealer
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// MaxConnections bounds the connections to PostgreSQL and the concurrent readers of SQLite; 0 takes a default. Surveys have two
	// more of their own.
	MaxConnections int
	// BeforeChange is called before each recorded change begins, outside of it. The server has none: tests let something happen there,
	// between what an operation has read and what it does.
	BeforeChange func()
	// SurveyWait is how long a survey waits for its turn; 0 takes a default.
	SurveyWait time.Duration
	// AnswerWithin is how long a call waits for PostgreSQL at most; 0 takes a default. Whoever does what takes longer gives a deadline of more than
	// a minute, which holds instead.
	AnswerWithin time.Duration
	// Log is told what a migration found and could not mend; nobody when nil.
	Log *slog.Logger
}

// Store is the database.
type Store struct {
	engine  engine
	surveys *turns
	sealer  *Sealer
	now     func() time.Time
	name    string
	batch   int
	before  func()
	log     *slog.Logger
	notes   notes
	// policies are those that sign-ins have read.
	policies policyChains
}

// engine is what differs between the two databases.
type engine interface {
	read(ctx context.Context, fn func(querier) error) error
	survey(ctx context.Context, fn func(querier) error) error
	change(ctx context.Context, fn func(querier) error) error
	writer() *groupWriter
	db() *sql.DB
	// begin is what a server does first, before its schema.
	begin(ctx context.Context) error
	health(ctx context.Context) error
	integrity(ctx context.Context) error
	close() error
}

// Open opens the database. It does not migrate: call [Store.Migrate], or [Store.CheckSchema] to refuse an old schema.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{sealer: cfg.Sealer, now: cfg.Now, before: cfg.BeforeChange, surveys: newTurns(surveysAtOnce, cfg.SurveyWait), log: cfg.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	var patience time.Duration
	switch {
	case cfg.SQLite != "" && cfg.PostgreSQL == "":
		s.name, s.batch = "sqlite", sqliteBatch
		s.engine, err = openSQLite(ctx, cfg.SQLite, cfg.MaxConnections)
	case cfg.PostgreSQL != "" && cfg.SQLite == "":
		s.name, s.batch = "postgresql", postgresBatch
		if patience = cfg.AnswerWithin; patience == 0 {
			patience = answerWithin
		}
		s.engine, err = openPostgreSQL(ctx, cfg.PostgreSQL, cfg.MaxConnections)
	default:
		return nil, errors.New("open store: name one database, SQLite or PostgreSQL")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.engine = watch(s.engine, s.now, patience)
	return s, nil
}

// Close ends all connections. Changes under way finish first.
func (s *Store) Close() error { return s.engine.close() }

// Engine names the database engine: "sqlite" or "postgresql".
func (s *Store) Engine() string { return s.name }

// Health reports whether the database answers and takes changes. It tries one at most every ten seconds.
func (s *Store) Health(ctx context.Context) error { return s.engine.health(ctx) }

// CheckIntegrity reads the whole database and reports what is damaged in it; nil when nothing is. It takes about a second for
// each few hundred megabytes, and ends with ctx. PostgreSQL keeps checksums of its own, so there it only asks whether the database answers.
func (s *Store) CheckIntegrity(ctx context.Context) error {
	done, err := s.surveys.take(ctx, "")
	if err != nil {
		return err
	}
	defer done()
	return s.engine.integrity(ctx)
}

// ChangesRunAgain is how many transactions were in conflict with another node's, or with a long one of this node, and ran again: few, unless many
// nodes change the same. There are none on SQLite.
func (s *Store) ChangesRunAgain() uint64 { return s.engine.writer().runAgain.Load() }

// Sealer returns the sealer of this installation, for what is sealed into pages and cookies.
func (s *Store) Sealer() *Sealer { return s.sealer }

// Tx is a transaction under way. It holds the one instant of the transaction and, in a change, its audit event, which
// the function may complete.
type Tx struct {
	q querier
	// over ends the reading of rows in a survey; nil in all else.
	over     context.Context
	sealer   *Sealer
	policies *policyChains
	// batch bounds the rows of one insert or look-up.
	batch int
	// Now is the one instant of the transaction, in UTC with microseconds.
	Now time.Time
	// Event is what a change records when it commits.
	Event staffkey.AuditEvent
	// broken is the first error of a statement that was to change something.
	broken error
	// refine is set while [Tx.Soon] runs a statement.
	refine func(error) error
}

// Read runs fn with a consistent view on SQLite, and statement by statement on PostgreSQL: whatever must still hold when
// a change is made is a condition of that change.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.engine.read(ctx, func(q querier) error {
		return fn(&Tx{q: q, sealer: s.sealer, policies: &s.policies, batch: s.batch, Now: instant(s.now())})
	})
}

// Change runs fn and records event in one durable transaction. The event is required: nothing changes unrecorded.
// When fn, one of its statements or the record fails, nothing is kept; a panic in fn is an error like another.
func (s *Store) Change(ctx context.Context, event staffkey.AuditEvent, fn func(*Tx) error) error {
	if event.Kind == "" {
		return errors.New("change without an audit event")
	}
	if s.before != nil {
		s.before()
	}
	return s.engine.change(ctx, func(q querier) error {
		tx := &Tx{q: q, sealer: s.sealer, policies: &s.policies, batch: s.batch, Now: instant(s.now()), Event: event}
		if err := tx.run(fn); err != nil {
			return err
		}
		return tx.Soon(nil, func() error { return tx.Record(tx.Event) })
	})
}

// Housekeep runs a change that nobody did: sweeping what has expired, and noting that a session was seen.
func (s *Store) Housekeep(ctx context.Context, fn func(*Tx) error) error {
	return s.engine.change(ctx, func(q querier) error {
		return (&Tx{q: q, sealer: s.sealer, policies: &s.policies, batch: s.batch, Now: instant(s.now())}).run(fn)
	})
}

// Left reports that whoever asked for a survey has gone, so that what is counted in memory ends as what is read does.
func (tx *Tx) Left() error {
	if tx.over == nil {
		return nil
	}
	return tx.over.Err()
}

// run runs the function of a change. A statement that failed fails the change, even when fn makes light of it: on PostgreSQL
// it has ended the transaction, and SQLite must not mean something else by the same code.
func (tx *Tx) run(fn func(*Tx) error) error {
	if err := fn(tx); err != nil {
		return err
	}
	return tx.broken
}

// instant brings a time to what both engines store: UTC, microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// NewID returns a new id: a UUID of version 7 (RFC 9562 §5.7), so that ids of one process sort by time.
func NewID[T ~string]() T { return T(uuid.Must(uuid.NewV7()).String()) }

// nullTime stores the zero time as NULL.
func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return instant(t)
}

// nullText stores the empty text as NULL.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}
