package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what one hash takes, and how long its parts are, in bytes.
type cost struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, sum         int
}

// today is the cost of new hashes: the second choice of RFC 9106 §4 scaled to OWASP's floor (19 MiB, 2 passes), about 20 ms of one
// core.
var today = cost{memoryKiB: 19 * 1024, passes: 2, lanes: 1, salt: 16, sum: 32}

// leastSum is the shortest hash that is compared: an empty one would match anything.
const leastSum = 32

// stored is a PHC string taken apart (github.com/P-H-C/phc-string-format).
type stored struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, sum         []byte
}

func (s stored) cost() cost {
	return cost{memoryKiB: s.memoryKiB, passes: s.passes, lanes: s.lanes, salt: len(s.salt), sum: len(s.sum)}
}

// matches compares a password, at the cost of what is stored.
func (w *worker) matches(s stored, password string) bool {
	got := w.compute(question{password, s.salt, s.passes, s.memoryKiB, s.lanes, uint32(len(s.sum))})
	return subtle.ConstantTimeCompare(got, s.sum) == 1
}

// hash returns the PHC string of a password.
func (w *worker) hash(password string, c cost) []byte {
	salt := make([]byte, c.salt)
	_, _ = rand.Read(salt) // never fails: crypto/rand.Read ends the program instead
	sum := w.compute(question{password, salt, c.passes, c.memoryKiB, c.lanes, uint32(c.sum)})
	return fmt.Appendf(nil, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memoryKiB, c.passes, c.lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// parse takes a PHC string apart.
func parse(phc []byte) (stored, error) {
	var s stored
	parts := strings.Split(string(phc), "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return s, fmt.Errorf("password state is no argon2id string")
	}
	var version int
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return s, fmt.Errorf("password state has another argon2 version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &s.memoryKiB, &s.passes, &s.lanes); err != nil {
		return s, fmt.Errorf("password state: %w", err)
	}
	var err error
	if s.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return s, fmt.Errorf("password state: %w", err)
	}
	if s.sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return s, fmt.Errorf("password state: %w", err)
	}
	if s.passes < 1 || s.lanes < 1 || len(s.sum) < leastSum { // argon2 panics on the first two
		return s, fmt.Errorf("password state has no cost or no hash")
	}
	return s, nil
}
