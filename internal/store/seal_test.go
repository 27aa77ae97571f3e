package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"staffkey/internal/store"
)

func openSealer(t testing.TB, path string) *store.Sealer {
	t.Helper()
	s, err := store.OpenSealer(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sealing-key")
	s := openSealer(t, path)
	for _, plain := range [][]byte{nil, []byte("a seed"), bytes.Repeat([]byte("x"), 1<<16)} {
		sealed, err := s.Seal("enrolments/1", plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 0 && bytes.Contains(sealed, plain) {
			t.Error("what is sealed can be read")
		}
		again, err := s.Seal("enrolments/1", plain)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(sealed, again) {
			t.Error("the same text sealed twice is the same")
		}
		for name, sealer := range map[string]*store.Sealer{"at once": s, "after a restart": openSealer(t, path)} {
			if got, err := sealer.Open("enrolments/1", sealed); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("opened %s: %d bytes, %v, want %d", name, len(got), err, len(plain))
			}
		}
		for name, place := range map[string]string{"another place": "enrolments/2", "no place": "", "a longer place": "enrolments/1 "} {
			if _, err := s.Open(place, sealed); err == nil {
				t.Errorf("opens at %s", name)
			}
		}
		if _, err := openSealer(t, filepath.Join(t.TempDir(), "other")).Open("enrolments/1", sealed); err == nil {
			t.Error("opens with another key")
		}
	}
	sealed, err := s.Seal("place", []byte("a seed"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		if _, err := s.Open("place", flipped); err == nil {
			t.Errorf("opens with byte %d changed", i)
		}
		if _, err := s.Open("place", sealed[:i]); err == nil {
			t.Errorf("opens when cut to %d bytes", i)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sealing-key")
	digest := func(s *store.Sealer, place, secret string) string {
		t.Helper()
		sum, err := s.Digest(place, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return string(sum)
	}
	s := openSealer(t, path)
	want := digest(s, "codes", "123456")
	if got := digest(openSealer(t, path), "codes", "123456"); got != want {
		t.Error("the digest is another one after a restart")
	}
	for name, got := range map[string]string{
		"secret":             digest(s, "codes", "123457"),
		"place":              digest(s, "passes", "123456"),
		"border between the": digest(s, "codes1", "23456"),
		"key":                digest(openSealer(t, filepath.Join(t.TempDir(), "other")), "codes", "123456"),
	} {
		if got == want {
			t.Errorf("the digest does not depend on the %s", name)
		}
	}
}

func TestSealingKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sealing-key")
	// Sixteen nodes start at once: all end up with one key.
	sealers := make([]*store.Sealer, 16)
	for _, err := range parallel(len(sealers), func(i int) (err error) {
		sealers[i], err = store.OpenSealer(path)
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := sealers[0].Seal("place", []byte("mark"))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sealers {
		if _, err := s.Open("place", sealed); err != nil {
			t.Errorf("node %d has another key: %v", i, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), os.FileMode(0o600); got != want {
		t.Errorf("mode of the key file is %v, want %v", got, want)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("%d files beside each other, want the key alone", len(files))
	}
}

func TestBadSealingKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	openSealer(t, good)
	key, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(key, []byte("\n"))
	for name, content := range map[string][]byte{
		"empty": nil, "cut": key[:len(key)/2], "one of two": first, "text": []byte("not a\nkey"), "base64 of nothing": []byte("AAAA\nAAAA\n"),
		"twice the first": append(append(append([]byte{}, first...), '\n'), first...),
	} {
		path := filepath.Join(dir, "bad")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenSealer(path); err == nil {
			t.Errorf("%s: opened", name)
		} else if len(content) > 8 && bytes.Contains([]byte(err.Error()), content[:8]) {
			t.Errorf("%s: the error repeats the file: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := store.OpenSealer(filepath.Join(dir, "no", "such", "folder")); err == nil {
		t.Error("opened in a folder that does not exist")
	}
}
