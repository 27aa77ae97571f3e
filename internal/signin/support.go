package signin

import (
	"context"
	"errors"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// SupportCase is what a support code stands for: a check of a device, or something that a person met.
type SupportCase struct {
	Code string
	// Device is the check, or nil.
	Device *DeviceCheck
	// Event is what happened, when it is no check; Person whom it concerned, zero when nobody is known.
	Event  staffkey.AuditEvent
	Person staffkey.Person
}

// How many codes that open nothing one helper may type in a time, and how many events of one code are looked through: in a long log a
// code comes more than once, by chance.
const (
	wrongCodes       = 30
	wrongCodesWithin = 10 * time.Minute
	sameCode         = 20
)

// OpenSupportCode opens a code as it was heard and typed, as [Service.FindSupportCase] does. Codes that open nothing are bounded, as a refusal of
// kind ErrThrottled.
func (s *Service) OpenSupportCode(ctx context.Context, actor staffkey.Actor, typed string) (SupportCase, error) {
	code := staffkey.ParseSupportCode(typed)
	if err := s.countCode(ctx, actor); err != nil {
		return SupportCase{}, err
	}
	found, err := s.FindSupportCase(ctx, actor, code)
	if err != nil {
		return SupportCase{}, err
	}
	return found, s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.ReturnTry(codesSubject(actor)) })
}

// FindSupportCase returns what a code stands for, to whoever helps: checks of devices, which tell nothing about a person, to all of
// them; what a person met, to those who help the people of that person's organisation. ErrNotFound: the code opens nothing, or nothing that
// the actor may see, which look alike. It counts nothing: the code has been opened before.
func (s *Service) FindSupportCase(ctx context.Context, actor staffkey.Actor, code string) (SupportCase, error) {
	out := SupportCase{Code: code}
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		err := policy.MaySeeDeviceCheck(may)
		if err != nil {
			return err
		}
		if code == "" {
			return staffkey.ErrNotFound
		}
		if out.Device, err = findDeviceCheck(tx, code); !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
		out.Event, out.Person, err = findOutcome(tx, may, code)
		return err
	})
	return out, err
}

// RecordFault notes that a request of somebody failed by a fault of ours, so that whoever helps finds its code too; the log tells the rest.
// It concerns the organisation and not the person, whose activity has nothing of it. It is one of those that visitors can cause, and bounded.
func (s *Service) RecordFault(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, message, code, route string) error {
	if !s.anonymous.take(s.now()) {
		return nil
	}
	event := staffkey.Event(staffkey.EventRequestFailed, actor)
	event.Outcome, event.Organisation, event.Message, event.SupportCode = staffkey.OutcomeEnded, organisation, message, code
	event.Detail = map[string]string{"route": clip(route, 100)}
	return s.store.Note(ctx, event, func(*store.Tx) error { return nil })
}

func codesSubject(actor staffkey.Actor) string { return "support/" + string(actor.Person) }

// countCode counts a code before it is looked at; a right one takes that back. The console, which reads the whole log, is not counted.
func (s *Service) countCode(ctx context.Context, actor staffkey.Actor) error {
	if actor.Console {
		return nil
	}
	var wait time.Duration
	err := s.store.Housekeep(ctx, func(tx *store.Tx) error {
		free, err := tx.CountWithin(codesSubject(actor), wrongCodes, tx.Now.Add(wrongCodesWithin))
		if err != nil || free {
			wait = 0
			return err
		}
		t, err := tx.FindThrottle(codesSubject(actor))
		wait = t.ForgetAt.Sub(tx.Now)
		return err
	})
	if err == nil && wait > 0 {
		return mustWaitFor("support.rate", wait)
	}
	return err
}

// findOutcome returns the newest event of a code that the actor may see. One that concerns nobody known tells nothing about a person, as a
// check of a device. Whom it concerns is looked after where that person is now.
func findOutcome(tx *store.Tx, may staffkey.Authority, code string) (staffkey.AuditEvent, staffkey.Person, error) {
	events, err := tx.ListAuditEvents(store.AuditFilter{Code: code, Limit: sameCode})
	if err != nil {
		return staffkey.AuditEvent{}, staffkey.Person{}, err
	}
	hidden := staffkey.ErrNotFound
	for _, e := range events {
		var p staffkey.Person
		at := e.Organisation
		if e.Person != "" {
			if p, err = tx.FindPerson(e.Person); err != nil && !errors.Is(err, staffkey.ErrNotFound) {
				return e, p, err
			}
			if err == nil {
				at = p.Organisation
			}
		}
		if at == "" && e.Person == "" { // nobody is known
			return e, p, nil
		}
		chain, err := tx.ListAncestors(at)
		if err != nil {
			return e, p, err
		}
		err = policy.MaySeeOutcome(may, chain)
		var refusal *staffkey.Refusal
		switch {
		case err == nil:
			return e, p, nil
		case errors.As(err, &refusal) && refusal.Rule != policy.NotYours:
			hidden = err // theirs, but not by this sign-in
		}
	}
	return staffkey.AuditEvent{}, staffkey.Person{}, hidden
}
