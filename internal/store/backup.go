package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// Why a file cannot be restored.
var (
	ErrNoCopy    = errors.New("the file is no copy of a Staffkey database")
	ErrSchemaNew = errors.New("the copy is of a later release of Staffkey")
	ErrInUse     = errors.New("a program has the database open")
)

// Copy says what a copy of the database holds.
type Copy struct {
	People, Organisations int
	// Latest is when the newest event of the audit log was; zero when there is none.
	Latest time.Time
	// Old says that the schema is of an earlier release, which the next start changes.
	Old bool
}

// BackUp writes a copy of the SQLite database of one instant into a file that must not exist yet, readable by its owner only, while others go on
// reading and writing. The file appears when it is whole, on the disk and looked at as a restore looks at it. PostgreSQL has its own programs
// for that.
func (s *Store) BackUp(ctx context.Context, file string) (Copy, error) {
	if s.name != "sqlite" {
		return Copy{}, errors.New("a copy is made of SQLite only")
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return Copy{}, errors.Join(&fs.PathError{Op: "create", Path: file, Err: fs.ErrExist}, err)
	}
	// VACUUM INTO takes an empty file, and leaves its mode as it is.
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part*")
	if err != nil {
		return Copy{}, err
	}
	part := f.Name()
	defer os.Remove(part) // when it is still there
	if err := f.Close(); err != nil {
		return Copy{}, err
	}
	conn, err := s.engine.db().Conn(ctx)
	if err != nil {
		return Copy{}, err
	}
	_, err = conn.ExecContext(ctx, "VACUUM INTO $1", part)
	if err := errors.Join(err, conn.Close()); err != nil {
		return Copy{}, err
	}
	if err := syncFile(part); err != nil {
		return Copy{}, err
	}
	found, err := inspectCopy(ctx, part, s.sealer)
	if err != nil {
		return Copy{}, fmt.Errorf("the copy is not good: %w", err)
	}
	if err := os.Link(part, file); err != nil { // never over a file that has come meanwhile
		if errors.Is(err, fs.ErrExist) {
			return Copy{}, err
		}
		if err := os.Rename(part, file); err != nil { // not every file system has links
			return Copy{}, err
		}
	}
	return found, syncFolder(file)
}

// inspectCopy reads all of a copy that nobody else has open, and that has no log.
func inspectCopy(ctx context.Context, file string, sealer *Sealer) (c Copy, err error) {
	db, err := sql.Open("sqlite", "file:"+escapePath(file)+"?"+url.Values{"mode": {"ro"}, "_pragma": {"trusted_schema(OFF)"}}.Encode())
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('goose_db_version', 'installation', 'people')").Scan(&tables); err != nil {
		return c, noCopy(err)
	}
	if tables < 3 {
		return c, fmt.Errorf("%w: its tables are not there", ErrNoCopy)
	}
	damage := ""
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&damage); err != nil {
		return c, noCopy(err)
	} else if damage != "ok" {
		return c, fmt.Errorf("%w: it is damaged: %s", ErrNoCopy, damage)
	}
	var version int64
	if err := db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version WHERE is_applied").Scan(&version); err != nil {
		return c, noCopy(err)
	}
	latest, err := latestVersion()
	switch {
	case err != nil:
		return c, err
	case version > latest:
		return c, ErrSchemaNew
	}
	c.Old = version < latest
	var sealed []byte
	if err := db.QueryRowContext(ctx, "SELECT value FROM installation WHERE name = $1", sealingCheck).Scan(&sealed); err != nil {
		return c, noCopy(err)
	}
	if !opensMark(sealer, sealed) {
		return c, ErrOtherKey
	}
	if err := errors.Join(db.QueryRowContext(ctx, "SELECT COUNT(*) FROM people").Scan(&c.People), db.QueryRowContext(ctx, "SELECT COUNT(*) FROM organisations").Scan(&c.Organisations)); err != nil {
		return c, noCopy(err)
	}
	// Ids sort by time.
	if err := db.QueryRowContext(ctx, "SELECT at FROM audit_events ORDER BY id DESC LIMIT 1").Scan(&c.Latest); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, noCopy(err)
	}
	return c, nil
}

// noCopy is the kind of an error of SQLite that says that the file is not what it should be.
func noCopy(err error) error {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) && !isUnavailable(err) || errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %w", ErrNoCopy, err)
	}
	return err
}

// latestVersion is the schema of this release.
func latestVersion() (latest int64, err error) {
	p, err := (&Store{name: "sqlite", engine: &sqliteEngine{pool: new(sql.DB)}}).migrator() // which looks at the database later
	if err != nil {
		return 0, err
	}
	for _, source := range p.ListSources() {
		latest = max(latest, source.Version)
	}
	return latest, nil
}

// Restored says what a restore has done.
type Restored struct {
	Copy
	// Aside are the files of the database that was there before, under other names; none when there was none.
	Aside []string
}

// Restore puts a copy in the place of the SQLite database at path, which nobody may have open, and keeps what was there under another name.
// The copy is looked at before anything is touched: it must be whole, of this release or an earlier one, and sealed with the keys of
// sealer. A log beside the copy (a snapshot of a folder has one) is part of it. A crash at any instant leaves the old database or the new one.
func Restore(ctx context.Context, from, path string, sealer *Sealer, now time.Time) (r Restored, err error) {
	incoming := path + ".restoring"
	defer removeDatabase(incoming) // when it is still there
	removeDatabase(incoming)       // of a restore that was broken off
	for _, end := range []string{"", "-wal"} {
		if err := copyFile(from+end, incoming+end, path); err != nil && (end == "" || !errors.Is(err, fs.ErrNotExist)) {
			return r, err
		}
	}
	if err := foreignLog(incoming); err != nil {
		return r, fmt.Errorf("%w: %w", ErrNoCopy, err)
	}
	if err := oneFile(ctx, incoming); err != nil {
		return r, noCopy(err)
	}
	if r.Copy, err = inspectCopy(ctx, incoming, sealer); err != nil {
		return r, err
	}
	if err := syncFile(incoming); err != nil {
		return r, err
	}
	// The old one becomes one file too, which shows whether somebody has it open. One that is damaged, or has a log that is not its own, is put
	// aside as it is.
	if _, err := os.Stat(path); err == nil && foreignLog(path) == nil {
		if err := oneFile(ctx, path); isRetryable(err) {
			return r, fmt.Errorf("%w: %w", ErrInUse, err)
		}
	}
	aside := path + ".before-" + now.UTC().Format("20060102-150405")
	for _, end := range []string{"-wal", "-shm", "-journal", ""} { // a log first: beside the new file it would count
		if err := putAside(path+end, aside+end, end == ""); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return r, err
		}
		r.Aside = append(r.Aside, aside+end)
	}
	if err := os.Rename(incoming, path); err != nil {
		return r, err
	}
	return r, syncFolder(path)
}

// putAside gives a file another name. The database itself keeps its own as well, until the new one takes it: a server that is started
// in between finds a database and makes no empty one.
func putAside(name, aside string, keep bool) error {
	if _, err := os.Stat(aside); err == nil {
		return &fs.PathError{Op: "rename", Path: aside, Err: fs.ErrExist}
	}
	if keep {
		if err := os.Link(name, aside); err == nil || errors.Is(err, fs.ErrNotExist) {
			return err
		} // not every file system has links
	}
	return os.Rename(name, aside)
}

// oneFile brings the log of a database into its file and ends its WAL mode, which works only while nobody else has it open: the error of one
// that is in use is retryable.
func oneFile(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?"+url.Values{"_pragma": {"busy_timeout(1000)", "synchronous(FULL)", "trusted_schema(OFF)"}}.Encode())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	var mode string
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode=DELETE").Scan(&mode)
	return errors.Join(err, db.Close())
}

func removeDatabase(path string) {
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + end) // what stays is removed by the next restore
	}
}

// copyFile copies a file into a new one that only its owner may read, who is the owner of the folder's database where there is one.
func copyFile(from, to, like string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), giveTo(to, like, filepath.Dir(like)))
}

// syncFile brings what was written to a file to the disk.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder brings the names of a file's folder to the disk, where the system can do that.
func syncFolder(file string) error {
	f, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	_ = f.Sync() // Windows has none for folders
	return f.Close()
}

// sealingCheck names the value that tells the sealing key of a database, which is this mark, sealed.
const sealingCheck = "sealing_check"

var sealingMark = []byte("staffkey")

func opensMark(s *Sealer, sealed []byte) bool {
	plain, err := s.Open(sealingCheck, sealed)
	return err == nil && bytes.Equal(plain, sealingMark)
}
