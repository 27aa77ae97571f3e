package signin

import (
	"slices"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// grave are the notices that go by text message too: of changes that would let somebody else in, or lock the person out (F31).
var grave = []string{
	"notice.key_added", "notice.key_removed", "notice.key_replaced", "notice.key_resumed", "notice.method_removed", "notice.password_reset",
	"notice.pass_issued", "notice.key_copied", "notice.frozen", "notice.unfrozen",
}

// tell tells a person, in the change that it is about, and where it is grave at their telephone too.
func (s *Service) tell(tx *store.Tx, template string, h holder, args map[string]string) error {
	if err := tx.InsertNotice(template, h.person, args); err != nil {
		return err
	}
	number := s.alertNumber(h)
	if number == "" || !slices.Contains(grave, template) {
		return nil
	}
	return tx.InsertAlert(template, h.person, number)
}

// tellPerson is tell for somebody of whom nothing else was read.
func (s *Service) tellPerson(tx *store.Tx, template string, p staffkey.Person, args map[string]string) error {
	enrolments, err := tx.ListEnrolments(p.ID)
	if err != nil {
		return err
	}
	return s.tell(tx, template, holder{person: p, enrolments: enrolments}, args)
}

// Number is the confirmed number of an enrolment that sends codes, or "".
func (s *Service) Number(e staffkey.Enrolment) string {
	if m, ok := s.methods[e.Method].(Sender); ok {
		return m.Number(e.State)
	}
	return ""
}

// weakerPerDay bounds the sign-ins by something weaker than the key in use that a person may make in a day (F11): enough for a day with
// the key at home, too few to live without it.
const weakerPerDay = 10

// tellOfSignIn tells a person of a sign-in that they should know of: without their key, by a recovery code, or by a key in a browser
// where it was not used before.
func (s *Service) tellOfSignIn(tx *store.Tx, origin staffkey.Origin, h holder, v Verified, in SignedIn) error {
	kind := v.Proof.Method
	if kind == staffkey.MethodSecurityKey {
		if origin.Station != "" || origin.SeenKeys == nil || slices.Contains(origin.SeenKeys, v.Key.ID) {
			return nil
		}
		return tx.InsertNotice("notice.key_new_place", h.person, map[string]string{"Nickname": v.Key.Nickname})
	}
	if e := h.enrolment(kind); e != nil && isTelephone(kind) {
		if err := s.noteTyped(tx, h.person.Organisation); err != nil {
			return err
		}
	}
	if v.Proof.Recovery == staffkey.RecoveryCode {
		return s.tellOfCode(tx, h, v)
	}
	if !in.Weaker {
		return nil
	}
	within, err := tx.CountWithin("weaker/"+string(h.person.ID), weakerPerDay, tx.Now.Add(24*time.Hour))
	if err != nil {
		return err
	}
	if !within && v.Proof.Recovery == staffkey.RecoveryNone {
		return staffkey.Refused("downgrade_limit", "method.weaker-limit")
	}
	return tx.InsertNotice("notice.without_key", h.person, map[string]string{"Method": string(kind)})
}

// tellOfCode tells a person that a recovery code of theirs was used, and how many are left.
func (s *Service) tellOfCode(tx *store.Tx, h holder, v Verified) error {
	m, err := s.method(v.Proof.Method)
	if err != nil {
		return err
	}
	return tx.InsertNotice("notice.code_used", h.person, map[string]string{"Left": strconv.Itoa(m.Remaining(v.State))})
}

// keyCopied is the rule by which an answer with a counter that went back is refused (WebAuthn Level 3 §6.1.1).
const keyCopied = "counter_went_back"

// suspectKey notes of the key of a refused answer that it may have been copied, and tells its owner and their Local Administrators, once a
// day. The key stays in use: its own next answer has the higher counter, and whoever has the copy is refused.
func (s *Service) suspectKey(tx *store.Tx) error {
	key := staffkey.SecurityKeyID(tx.Event.Subject)
	news, err := tx.SuspectKey(key)
	if err != nil || !news {
		return err
	}
	p, err := tx.FindPerson(tx.Event.Person)
	if err != nil {
		return err
	}
	args := map[string]string{"Nickname": tx.Event.SubjectName, "Reference": tx.Event.SupportCode}
	if err := s.tellPerson(tx, "notice.key_copied", p, args); err != nil {
		return err
	}
	return tx.InsertAdministratorNotice("admin.key_copied", p, args)
}
