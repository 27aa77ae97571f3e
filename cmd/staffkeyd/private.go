package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// What follows looks at who may read the files of an installation. Nothing is changed: a file may be as it is for a reason that we do not
// know, and what somebody has read already is not taken back by a mode.

// exposure says who but its owner may read or change a file or folder, and what to type.
func exposure(name string, info fs.FileInfo) error {
	mode := info.Mode().Perm()
	// A file that somebody else owns and lends to our group, as stores of secrets do, is as private as one of our own.
	lent := !info.IsDir() && !isOwn(info) && mode&0o037 == 0
	if runtime.GOOS == "windows" || mode&0o077 == 0 || lent {
		return nil
	}
	can, closed := "read ", "600 "
	if info.IsDir() {
		can, closed = "look into ", "700 "
	}
	if mode&0o022 != 0 {
		can = "change "
	}
	return &problem{cause: "others may " + can + name, fix: "chmod " + closed + name}
}

// privateFile returns a problem when others than its owner may read a file. One that is not there is no problem of this kind.
func privateFile(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return exposure(name, info)
}

// privateData returns the problems of the data folder: a folder that others may look into, and then the database files that they may read
// there. In a folder that is closed, the modes of files do not matter; copies by sqlite3's .backup have those of the umask.
func (c *databaseConfig) privateData() []error {
	folder := privateFile(c.Data)
	if folder == nil {
		return nil
	}
	problems := []error{folder}
	for _, name := range []string{"staffkey.db", "staffkey.db-wal", "staffkey.db-shm"} {
		if err := privateFile(filepath.Join(c.Data, name)); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// privateSecrets returns the problems of the files with secrets that settings name, the sealing key apart.
func (c *serverConfig) privateSecrets(db *databaseConfig) []error {
	var problems []error
	for _, name := range []string{
		db.PostgresFile, c.TLSKey, c.SMTPPasswordFile, c.HTTPProviderTokenFile, c.HTTPProviderReceiptFile, c.TwilioTokenFile, c.GOVUKNotifyKeyFile,
		c.GOVUKNotifyReceiptFile,
	} {
		if name == "" {
			continue
		}
		if err := privateFile(name); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}
