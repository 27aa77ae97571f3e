package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestStart_hands_out_the_server_that_is_named(t *testing.T) {
	const want = "postgres://postgres@db.example:5432/tests"
	t.Setenv(Variable, want)

	got, stop, err := Start(Fast)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	stop()
	stop()
	if got != want {
		t.Errorf("address: want %s, got %s", want, got)
	}
}

func TestFindPrograms(t *testing.T) {
	t.Parallel()
	nowhere := func(string) (string, error) { return "", exec.ErrNotFound }

	// install makes a folder with the named programs and returns it.
	install := func(t *testing.T, folder string, programs ...string) string {
		t.Helper()
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, program := range programs {
			if err := os.WriteFile(filepath.Join(folder, program), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}

	t.Run("the newest version wins by number", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		install(t, filepath.Join(root, "9.6", "bin"), "initdb", "pg_ctl")
		want := install(t, filepath.Join(root, "15", "bin"), "initdb", "pg_ctl")
		install(t, filepath.Join(root, "17", "bin"), "pg_dump") // the client programs alone

		got, err := findPrograms(nowhere, filepath.Join(root, "*", "bin"))
		if err != nil {
			t.Fatalf("findPrograms: %v", err)
		}
		if got != want {
			t.Errorf("folder: want %s, got %s", want, got)
		}
	})

	t.Run("PATH comes first", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		install(t, filepath.Join(root, "15", "bin"), "initdb", "pg_ctl")
		want := install(t, filepath.Join(root, "own"), "initdb", "pg_ctl")

		got, err := findPrograms(func(program string) (string, error) { return filepath.Join(want, program), nil }, filepath.Join(root, "*", "bin"))
		if err != nil {
			t.Fatalf("findPrograms: %v", err)
		}
		if got != want {
			t.Errorf("folder: want %s, got %s", want, got)
		}
	})

	t.Run("a machine without PostgreSQL is told apart", func(t *testing.T) {
		t.Parallel()
		_, err := findPrograms(nowhere, filepath.Join(t.TempDir(), "*", "bin"))
		if !errors.Is(err, ErrNotInstalled) {
			t.Errorf("error: want ErrNotInstalled, got %v", err)
		}
	})
}
