package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/store/storetest"
)

// A day is a fifth more or less, and not the same everywhere.
func TestJittered(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	seen := map[time.Duration]bool{}
	for range 200 {
		got := jittered(day)
		if got < day-day/5 || got > day+day/5 {
			t.Errorf("%v is more than a fifth from a day", got)
		}
		seen[got] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d different intervals in 200 draws", len(seen))
	}
}

// Metadata that was imported under roots of its own is shown without them too, with why it is not in use; other commands say what to give.
func TestMetadata_without_the_roots_of_its_import(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, "sqlite", time.Now)
	dir := t.TempDir()
	if err := putMetadata(t, dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	run := func(command interface{ Run(*environment) error }) (string, error) {
		var out bytes.Buffer
		catalogue := securitykey.NewCatalogue(mds.Trust{}, time.Now)
		env := &environment{ctx: t.Context(), stdout: &out, store: s, now: time.Now, catalogue: catalogue, directory: directory.New(directory.Deps{Store: s, Models: catalogue})}
		err := command.Run(env)
		return out.String(), err
	}
	with := metadataConfig{MetadataRoots: filepath.Join(dir, "roots.pem")}
	if _, err := run(&metadataImport{File: filepath.Join(dir, "57.jwt"), metadataConfig: with}); err != nil {
		t.Fatal(err)
	}
	if out, err := run(&metadataShow{metadataConfig: with}); err != nil || !strings.Contains(out, "57, 1 models") || strings.Contains(out, "problem") {
		t.Errorf("with the roots: %q, %v", out, err)
	}
	if out, err := run(&metadataShow{}); err != nil || !strings.Contains(out, "57, not read") || !strings.Contains(out, "problem   not in use here: ") {
		t.Errorf("without them: %q, %v", out, err)
	}
	_, err := run(&modelList{})
	var told *problem
	if !errors.As(err, &told) || !strings.Contains(told.fix, "--metadata-roots") || !strings.Contains(fmt.Sprint(told.err), "number 57, imported from ") {
		t.Errorf("models: error %v, want one that says what to give", err)
	}
}
