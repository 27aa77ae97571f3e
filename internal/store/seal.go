package store

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Sealer encrypts what must not be read in the database, in a cookie or in a page, and makes keyed digests of what must
// be found again without being stored. Its keys live in a file beside the database, never in it, so that a stolen
// backup of the database opens nothing.
//
// Sealing is XChaCha20-Poly1305: its 192-bit nonce may be random for as many ceremonies as there will ever be, where
// AES-GCM with a random nonce is bounded at 2^32 messages (NIST SP 800-38D §8.3).
type Sealer struct {
	aead tink.AEAD
	mac  tink.MAC
}

// OpenSealer reads the keys from a file and makes them when the file does not exist.
func OpenSealer(path string) (*Sealer, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = createKeys(path)
	}
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	s, err := readKeys(data)
	if err != nil {
		return nil, fmt.Errorf("sealing key %s: %w", path, err)
	}
	return s, nil
}

// createKeys writes new keys. The file appears whole or not at all, and the first of two processes wins.
func createKeys(path string) ([]byte, error) {
	var buf bytes.Buffer
	sealing, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, err
	}
	digests, err := keyset.NewHandle(mac.HMACSHA256Tag256KeyTemplate())
	if err != nil {
		return nil, err
	}
	for _, h := range []*keyset.Handle{sealing, digests} {
		var one bytes.Buffer
		if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&one)); err != nil {
			return nil, err
		}
		buf.WriteString(base64.StdEncoding.EncodeToString(one.Bytes()) + "\n")
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sealing-key-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(buf.Bytes())
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	// The name has to last as long as what will be sealed: a power cut must not leave a database without its key.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func readKeys(data []byte) (*Sealer, error) {
	lines := bytes.Fields(data)
	if len(lines) != 2 {
		return nil, errors.New("is not a sealing key file")
	}
	var handles [2]*keyset.Handle
	for i, line := range lines {
		raw, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil {
			return nil, errors.New("is not a sealing key file")
		}
		if handles[i], err = insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(raw))); err != nil {
			return nil, errors.New("is not a sealing key file")
		}
	}
	a, err := aead.New(handles[0])
	if err != nil {
		return nil, err
	}
	m, err := mac.New(handles[1])
	if err != nil {
		return nil, err
	}
	return &Sealer{aead: a, mac: m}, nil
}

// Seal encrypts plain for one place; only [Sealer.Open] with the same place opens it.
func (s *Sealer) Seal(place string, plain []byte) ([]byte, error) {
	return s.aead.Encrypt(plain, []byte(place))
}

// Open decrypts what [Sealer.Seal] made for the same place.
func (s *Sealer) Open(place string, sealed []byte) ([]byte, error) {
	return s.aead.Decrypt(sealed, []byte(place))
}

// Digest returns a keyed digest of a secret for one place. With the key outside the database, a copy of the database
// does not help to guess even short secrets.
func (s *Sealer) Digest(place string, secret []byte) ([]byte, error) {
	msg := make([]byte, 0, len(place)+1+len(secret))
	msg = append(append(append(msg, place...), 0), secret...)
	return s.mac.ComputeMAC(msg)
}
