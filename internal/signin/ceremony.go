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
	// Code is the support code that the page's script shows when nothing of it reaches the server. Something is recorded under it once it does.
	Code string
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
	if c.ID == "" {
		c.ID = newCeremonyID()
	}
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

// newCeremonyID makes an id: sealed, so nobody chooses one, and ordered by time, so that the sweep finds it.
func newCeremonyID() staffkey.CeremonyID { return store.NewID[staffkey.CeremonyID]() }

// seal closes a ceremony into what its page gets.
func (b *Begun) seal(s *Service, c staffkey.Ceremony) error {
	c.ID = newCeremonyID()
	b.Code = staffkey.SupportCodeOf(string(c.ID))
	var err error
	b.Sealed, err = s.seal(c)
	return err
}

// CeremonyPerson is whose ceremony a page was given, whatever has become of it since; "" when it is anybody's, or none of ours.
func (s *Service) CeremonyPerson(sealed string) staffkey.PersonID { return s.peek(sealed).Person }

// codeOf is the support code of a ceremony, which its page knows without asking; instead when it is none of ours.
func (s *Service) codeOf(sealed, instead string) string {
	c := s.peek(sealed)
	if c.ID == "" {
		return instead
	}
	return staffkey.SupportCodeOf(string(c.ID))
}

// peek opens a ceremony without judging it; nothing may be decided by it. It is empty when it is none of ours.
func (s *Service) peek(sealed string) (c staffkey.Ceremony) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return c
	}
	plain, err := s.store.Sealer().Open(ceremonyPlace, raw)
	if err != nil || json.Unmarshal(plain, &c) != nil {
		return staffkey.Ceremony{}
	}
	return c
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
		return nil, staffkey.Expired("ceremony_unreadable", "key.before")
	}
	plain, err := s.store.Sealer().Open(ceremonyPlace, raw)
	if err != nil {
		return nil, staffkey.Expired("ceremony_unreadable", "key.before")
	}
	var c staffkey.Ceremony
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("open ceremony: %w", err)
	}
	switch {
	case !s.now().Before(c.ExpiresAt):
		return &c, staffkey.Expired("ceremony_expired", "key.late")
	case c.Purpose != want.purpose || c.Method != want.method:
		return &c, staffkey.Expired("ceremony_purpose", "key.before").Because("begun for %s by %s, used for %s by %s", c.Purpose, c.Method, want.purpose, want.method)
	case c.Person != want.person && c.Person != "" || c.Session != want.session:
		return &c, staffkey.Expired(ruleOtherOwner, "key.before").Because("begun for another person or session")
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
		return staffkey.Expired("ceremony_spent", "key.spent").Because("this ceremony was used before")
	}
	return err
}
