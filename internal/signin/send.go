package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Limits of sending codes (F41). What an organisation may send in a day is its policy.
const (
	codesPerPerson = 10               // in a day
	codesPerNumber = 5                // in a day, to a number that nobody has confirmed yet, whoever asks
	sendWait       = 30 * time.Second // between two to one person
	day            = 24 * time.Hour
	// In any codesWithin, to one person who signs in, to one who sets a number up, and to a number that nobody has confirmed yet: enough for a
	// message that does not come, too few to wear anybody down.
	codesAtOnce = 3
	codesWithin = 10 * time.Minute
	// Of so many codes sent in a day by one organisation, at least so many in a hundred are typed. When fewer are, somebody may be
	// having codes sent for the sake of sending.
	alarmFrom    = 50
	alarmPercent = 30
)

func isTelephone(kind staffkey.MethodKind) bool {
	return kind == staffkey.MethodTextMessage || kind == staffkey.MethodPhoneCall
}

// Sends reports whether a method sends its code, so that a page has to ask for it first.
func (s *Service) Sends(kind staffkey.MethodKind) bool {
	_, ok := s.methods[kind].(Sender)
	return ok
}

// Reaches reports whether this installation can send messages by a channel at all. A page that promises one, or tells that one is on its way,
// asks here first.
func (s *Service) Reaches(channel staffkey.ChannelKind) bool { return s.channel(channel) }

// CanSend reports whether messages of a method's kind can be sent by this installation at all.
func (s *Service) CanSend(kind staffkey.MethodKind) bool {
	switch kind {
	case staffkey.MethodTextMessage:
		return s.Reaches(staffkey.ChannelText)
	case staffkey.MethodPhoneCall:
		return s.Reaches(staffkey.ChannelVoice)
	}
	return true
}

// SendCode sends a code for a sign-in to the number of a person who has given a right password.
func (s *Service) SendCode(ctx context.Context, a Attempt, origin staffkey.Origin, kind staffkey.MethodKind) error {
	if a.Person == "" {
		return staffkey.Refused(policy.NeedsSecond, "signin.second")
	}
	return s.send(ctx, sendingOf{actor: staffkey.Actor{Person: a.Person, Origin: origin}, kind: kind, may: func(_ staffkey.Authority, h holder) error {
		if err := policy.IsActive(h.person); err != nil {
			return err
		}
		if err := samePassword(a, h); err != nil {
			return err
		}
		// What would be refused at the end is not begun: a weaker way asked for directly is no way around the page.
		_, err := policy.AcceptsSignIn(append(a.proofs(), staffkey.Proof{Method: kind, Possession: true, Restricted: true}), h.entering())
		return err
	}})
}

// SendStepUpCode sends a code for a proof inside a session.
func (s *Service) SendStepUpCode(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) error {
	return s.send(ctx, sendingOf{actor: actor, inside: true, kind: kind, may: func(_ staffkey.Authority, h holder) error {
		if err := policy.IsActive(h.person); err != nil {
			return err
		}
		_, err := policy.AcceptsSignIn([]staffkey.Proof{{Knowledge: true}, {Method: kind, Possession: true, Restricted: true}}, h.entering())
		return err
	}})
}

// SendEnrolmentCode notes a number for a method of the actor and sends the code that proves it. The proof has to have been fresh when the
// enrolment that it continues was begun, or now.
func (s *Service) SendEnrolmentCode(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, number, continues string) error {
	if number == "" {
		return staffkey.Invalid("number", "number.empty")
	}
	begun := s.begunAt(s.continued(actor, kind, continues))
	return s.send(ctx, sendingOf{actor: actor, inside: true, kind: kind, number: number, may: func(may staffkey.Authority, h holder) error {
		return s.mayEnrolTx(may, kind, "", h, begun)
	}})
}

// sendingOf is a code being sent: to the number that is set up, or to another that is to be.
type sendingOf struct {
	actor  staffkey.Actor
	inside bool // a session, whose end stops it
	kind   staffkey.MethodKind
	number string
	// may is asked before the code is made, and again in the change that sends it.
	may func(staffkey.Authority, holder) error
}

// maySendTo reads whom a code is for, and asks whether it may be sent.
func (s *Service) maySendTo(tx *store.Tx, may staffkey.Authority, o sendingOf) (holder, error) {
	h, err := s.loadHolder(tx, o.actor.Person)
	if err != nil {
		return h, err
	}
	if !h.policy.Allows(o.kind) || !s.CanSend(o.kind) {
		return h, staffkey.Refused("method_not_allowed", "method.not_allowed")
	}
	if o.number == "" {
		if err := cooled(tx, h.person.ID); err != nil {
			return h, err
		}
		if e := h.enrolment(o.kind); e != nil && !e.DisabledAt.IsZero() {
			return h, staffkey.Refused("method_off", "method.off")
		}
	}
	return h, o.may(may, h)
}

func (s *Service) send(ctx context.Context, o sendingOf) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	m, ok := s.methods[o.kind].(Sender)
	if !ok {
		return staffkey.ErrNotFound
	}
	event := staffkey.Event(staffkey.EventCodeSent, o.actor)
	event.Person, event.Subject = o.actor.Person, string(o.kind)
	change := s.store.ChangeAs
	if !o.inside { // by a password, which may asks about
		change = func(ctx context.Context, actor staffkey.Actor, event staffkey.AuditEvent, fn func(*store.Tx, staffkey.Authority) error) error {
			return s.store.Change(ctx, event, func(tx *store.Tx) error { return fn(tx, staffkey.Authority{Actor: actor}) })
		}
	}
	err := again(ctx, func() error {
		var h holder
		err := s.store.ReadAs(ctx, o.actor, func(tx *store.Tx, may staffkey.Authority) error {
			var err error
			h, err = s.maySendTo(tx, may, o)
			event.Organisation, event.ActorName = h.person.Organisation, h.person.Name
			return err
		})
		if err != nil {
			return err
		}
		composed, err := m.Compose(ctx, Sending{Subject: h.subject(o.kind), Number: o.number, Now: s.now()})
		if err != nil {
			return err
		}
		return change(ctx, o.actor, event, func(tx *store.Tx, may staffkey.Authority) error {
			now, err := s.maySendTo(tx, may, o)
			if err != nil {
				return err
			}
			if err := s.maySend(tx, now, composed.To, o.number != ""); err != nil {
				return err
			}
			if e := h.enrolment(o.kind); e != nil {
				err = tx.NoteEnrolment(*e, composed.State)
			} else {
				err = tx.PutEnrolment(nil, staffkey.Enrolment{Person: now.person.ID, Method: o.kind, State: composed.State, Lineage: may.Lineage})
			}
			if err != nil {
				return lookAgain(err)
			}
			tx.Event.Kind = staffkey.EventCodeSent
			language := now.person.Language
			if language == "" {
				language = o.actor.Origin.Language
			}
			return tx.InsertOutgoing(staffkey.Outgoing{
				Channel: composed.Channel, To: composed.To, Template: composed.Template, Language: language, Args: composed.Args,
				Person: now.person.ID, Organisation: now.person.Organisation, ExpiresAt: composed.ExpiresAt,
			})
		})
	})
	s.wake()
	var r *staffkey.Refusal
	if errors.As(err, &r) && r.Rule == codesRule {
		err = errors.Join(err, s.tellOfCodes(ctx, event))
	}
	return s.refuse(ctx, event, nil, err)
}

// coolOff is how long codes are not sent to a number that was set up after another was removed: as long as to one that replaced it (F41).
const coolOff = day

func coolSubject(person staffkey.PersonID) string { return "code/cool/" + string(person) }

// cool begins the cool-off when a number is removed, and tells it there.
func (s *Service) cool(tx *store.Tx, m Sender, h holder, e staffkey.Enrolment) error {
	before := m.Number(e.State)
	if before == "" {
		return nil
	}
	until := tx.Now.Add(coolOff)
	if _, err := tx.CountFailure(coolSubject(h.person.ID), until); err != nil {
		return err
	}
	if err := tx.BlockUntil(coolSubject(h.person.ID), until); err != nil || !s.Reaches(staffkey.ChannelText) {
		return err
	}
	return tx.InsertOutgoing(staffkey.Outgoing{
		Channel: staffkey.ChannelText, To: before, Template: "number.changed", Language: h.person.Language, Args: map[string]string{},
		Person: h.person.ID, Organisation: h.person.Organisation, ExpiresAt: tx.Now.Add(day),
	})
}

func cooled(tx *store.Tx, person staffkey.PersonID) error {
	t, err := tx.FindThrottle(coolSubject(person))
	if err == nil && t.BlockedUntil.After(tx.Now) {
		return staffkey.Refused("cool_off", "number.cooling", "When", t.BlockedUntil)
	}
	return err
}

// maySend counts a code against all its limits, or says which is reached. It is part of the change that sends it.
func (s *Service) maySend(tx *store.Tx, h holder, number string, unconfirmed bool) error {
	wait := "code/wait/" + string(h.person.ID)
	t, err := tx.FindThrottle(wait)
	if err != nil {
		return err
	}
	if left := t.BlockedUntil.Sub(tx.Now); left > 0 {
		r := staffkey.Refused("code_wait", "code.wait", "Count", int((left+time.Second-1)/time.Second))
		r.Kind = staffkey.ErrThrottled
		return r
	}
	if _, err := tx.CountFailure(wait, tx.Now.Add(sendWait)); err != nil {
		return err
	}
	if err := tx.BlockUntil(wait, tx.Now.Add(sendWait)); err != nil {
		return err
	}
	digest, err := s.store.Sealer().Digest("code/number", []byte(number))
	if err != nil {
		return err
	}
	slots := []string{slotsOf(h.person.ID)}
	if unconfirmed { // to set a number up is no sign-in: neither keeps the other waiting
		slots = []string{"new/" + string(h.person.ID), "number/" + base64.RawURLEncoding.EncodeToString(digest)}
	}
	for _, of := range slots {
		left, err := takeSlot(tx, of)
		if err != nil {
			return err
		}
		if left > 0 {
			r := staffkey.Refused(codesRule, "code.many", "Count", int((left+time.Minute-1)/time.Minute)).Because("%d in %s", codesAtOnce, codesWithin)
			r.Kind = staffkey.ErrThrottled
			return r
		}
	}
	organisation := string(h.person.Organisation)
	for _, limit := range []struct {
		name, subject string
		most          int
	}{
		{"person", "code/person/" + string(h.person.ID), codesPerPerson},
		{"number", "code/number/" + base64.RawURLEncoding.EncodeToString(digest), codesPerNumber},
		{"organisation", "code/sent/" + organisation, h.policy.CodesPerDay},
	} {
		// A confirmed number is its person's: what others try with it must not use up their codes.
		if limit.name == "number" && !unconfirmed {
			continue
		}
		within, err := tx.CountWithin(limit.subject, limit.most, tx.Now.Add(day))
		if err != nil {
			return err
		}
		if !within {
			r := staffkey.Refused("code_cap", "code.cap").Because("the limit by %s of %d a day is reached", limit.name, limit.most)
			r.Kind = staffkey.ErrThrottled
			return r
		}
	}
	return s.watchSending(tx, h.person)
}

// noteTyped counts a code that was typed rightly, against those that were sent: for the same day as they, or the codes typed in weeks
// before would hide that none is typed now.
func (s *Service) noteTyped(tx *store.Tx, organisation staffkey.OrganisationID) error {
	sent, err := tx.FindThrottle("code/sent/" + string(organisation))
	if err != nil || sent.Failures == 0 { // it was sent at the end of a day that is over
		return err
	}
	_, err = tx.CountWithin("code/typed/"+string(organisation), sent.Failures, sent.ForgetAt)
	return err
}

// watchSending raises an alarm, once a day and organisation, when many codes are sent and few are typed: the log has it, and the Local
// Administrators get a mail, because whoever pays for the codes has to hear of it.
func (s *Service) watchSending(tx *store.Tx, p staffkey.Person) error {
	sent, err := tx.FindCount("code/sent/" + string(p.Organisation))
	if err != nil || sent < alarmFrom {
		return err
	}
	typed, err := tx.FindCount("code/typed/" + string(p.Organisation))
	if err != nil || typed*100 >= sent*alarmPercent {
		return err
	}
	first, err := tx.CountWithin("code/alarm/"+string(p.Organisation), 1, tx.Now.Add(day))
	if err != nil || !first {
		return err
	}
	event := staffkey.Event(staffkey.EventSendingAlarm, staffkey.Actor{})
	event.Organisation, event.Detail = p.Organisation, map[string]string{"sent": strconv.Itoa(sent), "typed": strconv.Itoa(typed)}
	if err := tx.Record(event); err != nil {
		return err
	}
	organisation, err := tx.FindOrganisation(p.Organisation)
	if err != nil {
		return err
	}
	return tx.InsertOrganisationNotice("admin.sending", p.Organisation,
		map[string]string{"Organisation": organisation.Name, "Sent": event.Detail["sent"], "Typed": event.Detail["typed"]})
}

// Last2 are the last two digits of an enrolment's confirmed number, and Pending of the number that waits for its first code; "" when
// there is none.
func (s *Service) Last2(e staffkey.Enrolment) string {
	if m, ok := s.methods[e.Method].(Sender); ok {
		return m.Last2(e.State)
	}
	return ""
}

// Pending is told at [Service.Last2].
func (s *Service) Pending(e staffkey.Enrolment) string {
	if m, ok := s.methods[e.Method].(Sender); ok {
		return m.Pending(e.State)
	}
	return ""
}

// Delivery tells how the latest code to a person fares, and for how long another is too early.
func (s *Service) Delivery(ctx context.Context, person staffkey.PersonID, kind staffkey.MethodKind) (d store.Delivery, wait time.Duration, err error) {
	channel := staffkey.ChannelText
	if kind == staffkey.MethodPhoneCall {
		channel = staffkey.ChannelVoice
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		t, err := tx.FindThrottle("code/wait/" + string(person))
		if err != nil {
			return err
		}
		if wait, err = slotsTaken(tx, slotsOf(person)); err != nil {
			return err
		}
		wait = max(wait, t.BlockedUntil.Sub(tx.Now))
		d, err = tx.FindLatestDelivery(person, channel)
		if errors.Is(err, staffkey.ErrNotFound) {
			return nil
		}
		return err
	})
	return d, wait, err
}
