package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"staffkey/internal/store"
)

type backupCommand struct {
	File string `arg:"" help:"File to make. It must not exist yet." type:"path" placeholder:"FILE"`
}

// Run copies the database while others work on it.
func (c *backupCommand) Run(env *environment) error {
	if err := onlySQLite(env, "pg_dump --format=custom --file="+c.File+" URL"); err != nil {
		return err
	}
	s, err := openStore(env.ctx, env.config, false)
	if err != nil {
		return err
	}
	env.store = s
	copied, err := s.BackUp(env.ctx, c.File)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &problem{cause: c.File + " is there already, and a backup never replaces a file", fix: "Give another name, such as one with the date, or remove that file.", err: err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return cannotWrite(filepath.Dir(c.File), err)
	case errors.Is(err, store.ErrOtherKey):
		return otherKey(err)
	case err != nil:
		return &problem{cause: "the copy was not made: " + lastCause(err), fix: "Look at the free space of " + filepath.Dir(c.File) + ", and run staffkeyd doctor.", err: err}
	}
	fmt.Fprintf(env.stdout, "%s holds %s. It is whole, and the sealing key opens it.\n", c.File, holds(copied))
	fmt.Fprintf(env.stdout, "Keep the sealing key as well, in another place: %s\nThe copy without it opens nothing that is sealed, and with it everything.\n", env.config.sealingKeyFile())
	return nil
}

type restoreCommand struct {
	File string `arg:"" help:"Copy that staffkeyd backup made." type:"path" placeholder:"FILE"`
}

// Run puts a copy in the place of the database, and keeps what was there.
func (c *restoreCommand) Run(env *environment) error {
	if err := onlySQLite(env, "pg_restore --clean --if-exists --no-owner --single-transaction --dbname=URL "+c.File); err != nil {
		return err
	}
	key := env.config.sealingKeyFile()
	if _, err := os.Stat(key); err != nil {
		return &problem{cause: "the sealing key " + key + " is not there: " + reason(err), fix: "Put back the one that you kept beside the copy, or check --data and --sealing-key. The copy opens with no other.", err: err}
	}
	sealer, err := openSealer(env.config)
	if err != nil {
		return err
	}
	done, err := store.Restore(env.ctx, c.File, env.config.sqliteFile(), sealer, time.Now())
	switch {
	case errors.Is(err, store.ErrInUse):
		return &problem{cause: "a server or another command has the database open", fix: "Stop it first. Nothing was touched.", err: err}
	case errors.Is(err, store.ErrOtherKey):
		return &problem{cause: c.File + " was sealed with another key than " + key, fix: "Put the sealing key of that time there, or name it by --sealing-key. Nothing was touched.", err: err}
	case errors.Is(err, store.ErrSchemaNew):
		return &problem{cause: c.File + " was made by a later release of Staffkey", fix: "Restore it with that release. Nothing was touched.", err: err}
	case errors.Is(err, store.ErrNoCopy):
		return &problem{cause: c.File + " is no whole copy of a Staffkey database: " + lastCause(err), fix: "Take another copy. Nothing was touched.", err: err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist):
		return &problem{cause: "the copy was not put in place: " + lastCause(err), fix: "Check the name of the file, --data, and who may read and write there.", err: err}
	case err != nil:
		return err
	}
	fmt.Fprintf(env.stdout, "The database is %s now: %s.\n", c.File, holds(done.Copy))
	for _, name := range done.Aside {
		fmt.Fprintf(env.stdout, "Kept: %s\n", name)
	}
	if done.Old {
		fmt.Fprintln(env.stdout, "It is of an earlier release; the next start, or staffkeyd migrate, brings it to this one.")
	}
	fmt.Fprintln(env.stdout, "What was changed after that is undone: keys that were stopped, roles that were taken back and codes that were used since then count again.\nLook at the audit log of what was kept, and start the server.")
	return nil
}

// holds says what a copy has in it.
func holds(c store.Copy) string {
	text := fmt.Sprintf("%d people and %d organisations", c.People, c.Organisations)
	if !c.Latest.IsZero() {
		text += ", up to " + c.Latest.UTC().Format("2 January 2006 15:04:05 UTC")
	}
	return text
}

// onlySQLite refuses a command that works on files where the data is in PostgreSQL, and names what does it there.
func onlySQLite(env *environment, instead string) error {
	pg, err := env.config.postgresURL()
	if err != nil || pg == "" {
		return err
	}
	return &problem{cause: "the data is in PostgreSQL, which has programs of its own for this", fix: "Use " + instead + " (docs/operating.md, Backups). Keep the sealing key as well, in another place: " + env.config.sealingKeyFile()}
}
