package staffkey

import (
	"errors"
	"fmt"
)

// Error kinds. Every error that an operation returns on purpose matches exactly one of them with [errors.Is]; anything
// else is a fault of ours and is shown as one.
var (
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("conflict with what is stored")
	ErrInvalid   = errors.New("invalid input")
	ErrRefused   = errors.New("refused")
	ErrExpired   = errors.New("expired or already used")
	ErrThrottled = errors.New("too many tries")
	// ErrBusy says that a bounded resource is taken and that the same call may work a moment later.
	ErrBusy = errors.New("busy")
	// ErrUnavailable says that the database does not answer or takes no changes: the change was not saved, unless it is an ErrUnknownOutcome.
	ErrUnavailable = errors.New("the database is not available")
	// ErrUnknownOutcome is an ErrUnavailable after which nobody knows whether the change was saved: the database was told to, and the answer is
	// lost. Whoever asked has to look before they ask again.
	ErrUnknownOutcome = fmt.Errorf("%w, and whether the change was saved is not known", ErrUnavailable)
)

// Message names a text of the locale files by its id, with the values it needs. Errors carry messages and not
// sentences, so that wording, Welsh, audit and helpdesk share one id.
type Message struct {
	ID   string
	Args map[string]any
}

// Msg builds a [Message] from alternating names and values.
func Msg(id string, pairs ...any) Message {
	m := Message{ID: id}
	for i := 0; i+1 < len(pairs); i += 2 {
		if m.Args == nil {
			m.Args = make(map[string]any, len(pairs)/2)
		}
		m.Args[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// InvalidError says which field of a form or file is wrong, and how. It matches [ErrInvalid].
type InvalidError struct {
	Field   string
	Message Message
}

func (e *InvalidError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Message.ID) }

// Is makes the error match its kind.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Invalid returns an [InvalidError]; pairs are the message's values.
func Invalid(field, message string, pairs ...any) error {
	return &InvalidError{Field: field, Message: Msg(message, pairs...)}
}

// Refusal is a "no" of policy or of a verification: which rule said it, and what to tell the person. Kind is
// [ErrRefused] unless a more telling kind fits.
type Refusal struct {
	Rule    string
	Kind    error
	Message Message
	// Reason is for the audit log and the server log only: facts that help an operator and must not reach the page.
	Reason string
	// Remedy is what may help; empty where the message says it all.
	Remedy Remedy
	// SupportCode is what the refusal was recorded under, for the person to read to a helpdesk.
	SupportCode string
}

// Remedy is what may help against a refusal of what a key or its browser answered.
type Remedy string

// The remedies.
const (
	RemedyRetry    Remedy = "retry"    // the same key may do better when it is tried again
	RemedyRegister Remedy = "register" // this key never will, until it is registered again
	RemedyReport   Remedy = "report"   // not known: whoever looks after the service must look at what was saved
)

func (e *Refusal) Error() string {
	if e.Reason != "" {
		return e.Rule + ": " + e.Reason
	}
	return e.Rule
}

// Is makes the error match its kind.
func (e *Refusal) Is(target error) bool { return target == e.kind() }

func (e *Refusal) kind() error {
	if e.Kind == nil {
		return ErrRefused
	}
	return e.Kind
}

// Refused returns a [Refusal] by rule with the message to show; pairs are the message's values.
func Refused(rule, message string, pairs ...any) *Refusal {
	return &Refusal{Rule: rule, Message: Msg(message, pairs...)}
}

// Because adds facts for the log to a refusal.
func (e *Refusal) Because(format string, args ...any) *Refusal {
	e.Reason = fmt.Sprintf(format, args...)
	return e
}

// Expired returns a [Refusal] of kind [ErrExpired].
func Expired(rule, message string, pairs ...any) *Refusal {
	return &Refusal{Rule: rule, Kind: ErrExpired, Message: Msg(message, pairs...)}
}
