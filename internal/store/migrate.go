package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"staffkey"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema to this release and ties the database to the sealing key. Several nodes may call it at
// once; one works and the others wait.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.engine.begin(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	p, err := s.migrator()
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		applied, err := p.Up(ctx)
		if err == nil {
			if len(applied) > 0 {
				s.analyseMigrated(ctx)
			}
			break
		}
		// On SQLite another process may have migrated in between: then there is nothing left to do. Look again.
		if try == 5 || s.name != "sqlite" {
			return fmt.Errorf("migrate: %w", migrationKind(err))
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.tieKey(ctx)
}

// analyseMigrated is Analyse where nothing is lost without it: PostgreSQL does it by itself a while later.
func (s *Store) analyseMigrated(ctx context.Context) {
	if err := s.Analyse(ctx); err != nil {
		s.log.Warn("the tables were migrated and not analysed", "error", err)
	}
}

// CheckSchema reports an error unless the schema is the one of this release and the sealing key is the database's.
func (s *Store) CheckSchema(ctx context.Context) error {
	p, err := s.migrator()
	if err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("look at the schema: %w", migrationKind(err))
	}
	if pending {
		return ErrSchemaOld
	}
	return s.tieKey(ctx)
}

// migrationKind gives what PostgreSQL says to a migration its kind.
func migrationKind(err error) error {
	switch {
	case pgCode(err) == pgNoRight:
		return fmt.Errorf("%w: %w", ErrNoRight, err)
	case isPooled(err):
		return fmt.Errorf("%w: %w", ErrPooled, err)
	}
	return err
}

// Problems that an operator can mend; the commands say how.
var (
	ErrSchemaOld = errors.New("the database has the schema of an earlier release")
	ErrOtherKey  = errors.New("the sealing key is not the one that this database was sealed with")
)

// migrationLease is how long others wait for a node that was lost while it migrated.
const migrationLease = 15 * time.Second

// mayLockLater reports whether the lock of migrations may be had later, because another node has it. What the database refuses it refuses again.
func mayLockLater(err error) bool { return pgCode(err) == "" && !isUnavailable(err) }

func (s *Store) migrator() (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(s.refold(), s.reshape())}
	if s.name == "postgresql" {
		dialect = goose.DialectPostgres
		// In a table, with a lease: a lock of the session would stay for ever on a connection of a pooler that hands them out by transaction.
		locker, err := lock.NewPostgresTableLocker(lock.WithTableLeaseDuration(migrationLease), lock.WithTableHeartbeatInterval(migrationLease/5),
			lock.WithTableLockTimeout(time.Second, 300), lock.WithTableLogger(slog.New(slog.DiscardHandler)), lock.WithTableRetryPolicy(mayLockLater))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithLocker(locker))
	}
	return goose.NewProvider(dialect, s.engine.db(), dir, options...)
}

// tieKey stores a sealed mark at the first start and opens it at every later one, so that a node with another key
// refuses to start instead of failing at the first sealed value.
func (s *Store) tieKey(ctx context.Context) error {
	sealed, err := s.sealer.Seal(sealingCheck, sealingMark)
	if err != nil {
		return err
	}
	return s.Housekeep(ctx, func(tx *Tx) error {
		if err := tx.exec("INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", sealingCheck, sealed); err != nil {
			return err
		}
		stored, err := tx.FindInstallationValue(sealingCheck)
		if err != nil {
			return err
		}
		if !opensMark(s.sealer, stored) {
			return ErrOtherKey
		}
		return nil
	})
}

// FindInstallationValue returns a value of the installation itself, or ErrNotFound.
func (tx *Tx) FindInstallationValue(name string) ([]byte, error) {
	var value []byte
	err := tx.q.queryRow("SELECT value FROM installation WHERE name = $1", name).Scan(&value)
	return value, found(err)
}

// PutInstallationValue stores a value of the installation itself.
func (tx *Tx) PutInstallationValue(name string, value []byte) error {
	return tx.exec("INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", name, value)
}

// firstOperator names the value that says since when the installation has had an operator.
const firstOperator = "first_operator"

// IsSetUp reports whether the installation has ever had an operator. It is never taken back: an installation whose operators cannot
// sign in is still theirs, and the console is the way back.
func (tx *Tx) IsSetUp() (bool, error) {
	_, err := tx.FindInstallationValue(firstOperator)
	if errors.Is(err, staffkey.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// noteSetUp notes that the installation has an operator; later calls change nothing.
func (tx *Tx) noteSetUp() error {
	return tx.exec("INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", firstOperator, []byte(tx.Now.Format(time.RFC3339)))
}

// SetUpTasks names the value that holds how far the first-run set-up has come.
const SetUpTasks = "set_up_tasks"

// SetUpFinished reports whether the tasks of the first-run set-up are done.
func (tx *Tx) SetUpFinished() (bool, error) {
	_, err := tx.FindInstallationValue("set_up")
	if errors.Is(err, staffkey.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// FinishSetUp marks the tasks of the first-run set-up as done.
func (tx *Tx) FinishSetUp() error {
	return tx.PutInstallationValue("set_up", []byte(tx.Now.Format(time.RFC3339)))
}

// ClockSkew returns how far the database's clock is ahead of this machine's.
func (s *Store) ClockSkew(ctx context.Context) (time.Duration, error) {
	if s.name == "sqlite" {
		return 0, nil // the same machine
	}
	var epoch float64
	err := s.Read(ctx, func(tx *Tx) error {
		return tx.q.queryRow("SELECT CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) AS DOUBLE PRECISION)").Scan(&epoch)
	})
	return time.UnixMicro(int64(epoch * 1e6)).Sub(s.now()), err
}
