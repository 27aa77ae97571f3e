package signin

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"staffkey"
)

// Attempt is a sign-in under way in one browser, between the first proof and the session. It is sealed into a cookie:
// the server keeps nothing of people who never finish.
type Attempt struct {
	// Person is who gave a right password; empty before.
	Person   staffkey.PersonID `json:"u,omitempty"`
	ProvedAt time.Time         `json:"t"`
	// Password is the version of the password that was right: an attempt does not outlive a change of it.
	Password int64 `json:"v,omitempty"`
	// ID names an attempt of which the log has that the password was given, so that it can tell what came of it.
	ID string `json:"i,omitempty"`
	// Return is the path to go to afterwards.
	Return    string    `json:"r,omitempty"`
	ExpiresAt time.Time `json:"e"`
}

// AttemptLife is how long a sign-in may take.
const AttemptLife = 10 * time.Minute

const attemptPlace = "attempt"

// SealAttempt closes an attempt into the text of a cookie.
func (s *Service) SealAttempt(a Attempt) (string, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	sealed, err := s.store.Sealer().Seal(attemptPlace, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// OpenAttempt opens what SealAttempt made; anything else, or one too old, is a fresh attempt.
func (s *Service) OpenAttempt(sealed string) Attempt {
	fresh := Attempt{ExpiresAt: s.now().Add(AttemptLife)}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) == 0 {
		return fresh
	}
	plain, err := s.store.Sealer().Open(attemptPlace, raw)
	if err != nil {
		return fresh
	}
	var a Attempt
	if json.Unmarshal(plain, &a) != nil || !s.now().Before(a.ExpiresAt) {
		return fresh
	}
	return a
}

// proofs are the proofs that an attempt carries.
func (a Attempt) proofs() []staffkey.Proof {
	if a.Person == "" {
		return nil
	}
	return []staffkey.Proof{{Method: staffkey.MethodPassword, Knowledge: true, At: a.ProvedAt}}
}
