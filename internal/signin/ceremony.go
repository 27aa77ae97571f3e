package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"staffkey"
	"staffkey/internal/store"
)

// Begun is a ceremony for a page: the options for its script, and the sealed ceremony that comes back with the answer.
type Begun struct {
	Options json.RawMessage
	Sealed  string
	// Subject is whom it is for, with keys and policy, for the page to show.
	Subject Subject
	// HasKey says that the person has a key in use; Others are their other methods, and Last2 the last digits of the numbers of those
	// that send codes.
	HasKey bool
	Others []staffkey.MethodKind
	Last2  map[staffkey.MethodKind]string
}

// Answer is what comes back from a page.
type Answer struct {
	Sealed string
	Method staffkey.MethodKind
	Body   []byte
}

const ceremonyPlace = "ceremony"

// ruleOtherOwner is the refusal of a ceremony that was begun by somebody else, or in another session.
const ruleOtherOwner = "ceremony_owner"

// seal closes a ceremony into text for a page.
func (s *Service) seal(c staffkey.Ceremony) (string, error) {
	c.ID = store.NewID[staffkey.CeremonyID]() // sealed, so nobody chooses one, and ordered by time, so that the sweep finds it
	if c.BegunAt.IsZero() {
		c.BegunAt = s.now()
	}
	c.ExpiresAt = s.now().Add(staffkey.CeremonyLife)
	if c.Method != staffkey.MethodSecurityKey && (c.Purpose == staffkey.PurposeEnrol || c.Purpose == staffkey.PurposePassword) {
		c.ExpiresAt = c.BegunAt.Add(staffkey.EnrolmentLife)
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	sealed, err := s.store.Sealer().Seal(ceremonyPlace, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// expect is what a ceremony must have been begun for.
type expect struct {
	purpose staffkey.Purpose
	method  staffkey.MethodKind
	person  staffkey.PersonID
	session staffkey.SessionID
}

// open opens a ceremony and checks that it was begun for exactly this. It returns the ceremony also with a refusal when
// it is ours, so that the refusal can spend it.
func (s *Service) open(sealed string, want expect) (*staffkey.Ceremony, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, staffkey.Expired("ceremony_unreadable", "key.late")
	}
	plain, err := s.store.Sealer().Open(ceremonyPlace, raw)
	if err != nil {
		return nil, staffkey.Expired("ceremony_unreadable", "key.late")
	}
	var c staffkey.Ceremony
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("open ceremony: %w", err)
	}
	switch {
	case !s.now().Before(c.ExpiresAt):
		return &c, staffkey.Expired("ceremony_expired", "key.late")
	case c.Purpose != want.purpose || c.Method != want.method:
		return &c, staffkey.Expired("ceremony_purpose", "key.late").Because("begun for %s by %s, used for %s by %s", c.Purpose, c.Method, want.purpose, want.method)
	case c.Person != want.person && c.Person != "" || c.Session != want.session:
		return &c, staffkey.Expired(ruleOtherOwner, "key.late").Because("begun for another person or session")
	}
	return &c, nil
}

// spend uses a ceremony up inside the change that its answer makes.
func spend(tx *store.Tx, c *staffkey.Ceremony) error {
	return spent(tx.SpendCeremony(c.ID, c.ExpiresAt))
}

// spendSoon is spend where nothing but the change itself depends on it.
func spendSoon(tx *store.Tx, c *staffkey.Ceremony) error {
	return tx.Soon(spent, func() error { return tx.SpendCeremony(c.ID, c.ExpiresAt) })
}

func spent(err error) error {
	if errors.Is(err, staffkey.ErrConflict) {
		return staffkey.Expired("ceremony_spent", "key.late").Because("this ceremony was used before")
	}
	return err
}
