package signin

import (
	"slices"

	"staffkey"
	"staffkey/internal/store"
)

// grave are the notices that go by text message too: of changes that would let somebody else in, or lock the person out (F31).
var grave = []string{
	"notice.key_added", "notice.key_removed", "notice.key_replaced", "notice.key_resumed", "notice.method_removed", "notice.password_reset",
	"notice.pass_issued", "notice.frozen", "notice.unfrozen",
}

// tell tells a person, in the change that it is about, and where it is grave at their telephone too.
func (s *Service) tell(tx *store.Tx, template string, h holder, args map[string]string) error {
	if err := tx.InsertNotice(template, h.person, args); err != nil {
		return err
	}
	if !slices.Contains(grave, template) || !s.channel(staffkey.ChannelText) {
		return nil
	}
	for _, e := range h.enrolments {
		if number := s.Number(e); number != "" && e.Method == staffkey.MethodTextMessage {
			return tx.InsertAlert(template, h.person, number)
		}
	}
	return nil
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
