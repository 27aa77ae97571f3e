package signin

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// Prompt is what the page's script reports of a browser prompt that ended without an answer.
type Prompt struct {
	// Name is the DOMException's name, or the type of whatever was thrown; "none", "frame" or "nojs" where there was no prompt at all;
	// "program" for an answer of which nothing can be used, and "filter" when something between browser and server answered instead.
	Name string
	// Origin is that of the page, as its browser tells it; "" when that is not told.
	Origin string
	// Sealed is the ceremony of the page, from whose code it may have told the person (see [Begun]).
	Sealed string
	// Elapsed is the time between call and end.
	Elapsed time.Duration
	// Detail is the start of the exception's message, for the log only: a browser may say anything there.
	Detail string
	// Create tells a registration from a sign-in: their time-outs differ.
	Create bool
	// Token is the entry that was pressed, if one was.
	Token staffkey.SecurityKeyID
}

// PromptOutcome is how a prompt ended, as far as can be known.
type PromptOutcome struct {
	// Message is the id of the text (wa.noanswer, …), the same in the log.
	Message string
	// SupportCode is what it was recorded under; "" when it was not.
	SupportCode string
	// Name is the name that the person's keys were registered for, with key.elsewhere.
	Name string
}

// Time-outs that are asked of the browser.
const (
	SignInTimeout   = 120 * time.Second
	RegisterTimeout = 180 * time.Second
)

// Classify says what is known of a prompt that ended. Browsers do not tell why: no key, a wrong key, a wrong PIN and a
// closed window all arrive as NotAllowedError, so the time is the only other witness, and no cause is claimed.
func Classify(p Prompt) string {
	timeout := SignInTimeout
	if p.Create {
		timeout = RegisterTimeout
	}
	late := p.Elapsed >= timeout-2*time.Second
	switch p.Name {
	case "nojs":
		return "wa.nojs"
	case "none":
		return "wa.none"
	case "frame":
		return "wa.perm"
	case "NotAllowedError":
		switch {
		case strings.Contains(p.Detail, "focus"): // Safari: "The document is not focused."; Chromium 156: "… the page does not have focus."
			return "wa.focus"
		case strings.Contains(p.Detail, "permissions policy"), strings.Contains(p.Detail, "Permissions Policy"), strings.Contains(p.Detail, "feature policy"):
			return "wa.perm"
		case late:
			return "wa.timeout"
		case p.Elapsed < time.Second:
			return "wa.instant"
		}
		return "wa.noanswer"
	case "TimeoutError":
		if late {
			return "wa.timeout"
		}
		return "wa.noanswer"
	case "OperationError":
		return "wa.busy"
	case "InvalidStateError":
		if p.Create {
			return "wa.exists"
		}
		return "wa.noanswer" // rare on get(), and says nothing there
	case "SecurityError":
		return "wa.domain"
	case "NotSupportedError":
		return "wa.unsup"
	case "ConstraintError":
		return "wa.constraint"
	case "UnknownError", "NotReadableError", "NetworkError":
		return "wa.unknown"
	case "program":
		return "wa.answer"
	case "filter":
		return "wa.filter"
	}
	return "wa.error"
}

// classify is [Classify] with what the address tells: keys work only there, down to the scheme. On it, a browser that calls the page
// insecure or without the name of its keys means something else than the person's address.
func (s *Service) classify(p Prompt) string {
	message := Classify(p)
	switch right := p.Origin == "" || p.Origin == s.address; {
	case message == "wa.domain" && right:
		return "wa.bound"
	case message == "wa.none" && !right: // browsers hide keys from pages without TLS
		return "wa.domain"
	}
	return message
}

// RecordPrompt records how a prompt ended and returns what to tell. It never counts as a failed try.
func (s *Service) RecordPrompt(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, p Prompt) (PromptOutcome, error) {
	out := PromptOutcome{Message: s.classify(p), SupportCode: staffkey.NewSupportCode()}
	if out.Message == "wa.filter" {
		out.SupportCode = s.codeOf(p.Sealed, out.SupportCode)
	}
	event := staffkey.Event(staffkey.EventPromptEnded, actor)
	event.Outcome = staffkey.OutcomeEnded
	event.Person, event.Message, event.SupportCode = person, out.Message, out.SupportCode
	event.Detail = map[string]string{
		"name": clip(p.Name, 60), "ms": strconv.FormatInt(p.Elapsed.Milliseconds(), 10), "detail": clip(p.Detail, 200),
	}
	s.observe(staffkey.MethodSecurityKey, out.Message)
	if person == "" && !s.anonymous.take(s.now()) {
		out.SupportCode = "" // which would open nothing
		return out, nil
	}
	err := s.store.Note(ctx, event, func(tx *store.Tx) error {
		if person == "" {
			return nil
		}
		found, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = found.Organisation
		if name, err := s.elsewhere(tx, person, p, out.Message); err != nil || name != "" {
			if err != nil {
				return err
			}
			out.Message, out.Name = "key.elsewhere", name
			tx.Event.Message = out.Message
		}
		if p.Token != "" {
			k, err := tx.FindSecurityKey(person, p.Token)
			if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
				return err
			}
			tx.Event.Subject, tx.Event.SubjectName = string(k.ID), k.Nickname
		}
		return nil
	})
	return out, err
}

// elsewhere returns the name that all keys of a person were registered for, where that is why none of them answered: the address of the
// service was another then. "" when there is no such reason.
func (s *Service) elsewhere(tx *store.Tx, person staffkey.PersonID, p Prompt, message string) (string, error) {
	m, ok := s.methods[staffkey.MethodSecurityKey].(interface {
		Elsewhere(keys []staffkey.SecurityKey) string
	})
	if !ok || p.Create || message != "wa.noanswer" && message != "wa.timeout" && message != "wa.instant" {
		return "", nil
	}
	keys, err := tx.ListSecurityKeys(person, staffkey.SecurityKeyActive)
	return m.Elsewhere(keys), err
}

// clip shortens text to n characters.
func clip(text string, n int) string {
	clean := staffkey.CleanText(text)
	if runes := []rune(clean); len(runes) > n {
		return string(runes[:n])
	}
	return clean
}
