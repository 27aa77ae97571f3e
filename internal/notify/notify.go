// Package notify brings the messages of the outbox to people: it takes what is due, writes it out in the language of whoever
// gets it, and hands it to a provider of the channel, again and again until one takes it or sending it is of no use any more.
//
// A message is put into the outbox by the change that it tells of, so that none is lost; it is sent at least once. A server
// that fails between sending a message and noting that has it sent again when its lease ends: a provider that is told the same
// id twice may recognise it, and a person who gets a notice twice is no worse off.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"time"

	"staffkey"
	"staffkey/internal/locale"
	"staffkey/internal/store"
)

// Channel sends one message; each provider is one. Send is called from several goroutines at once. Its errors are shown to
// operators and stored, so they never hold the address, the number or the text.
type Channel interface {
	// Kind is the channel that the provider serves.
	Kind() staffkey.ChannelKind
	// Name is stored with what the provider has taken: "smtp", "http", "twilio", "notify".
	Name() string
	// Send hands a message over and returns the provider's reference of it, by which receipts come back; it may be empty. An
	// error that trying again would not mend is wrapped by [Permanent], and one after which the message may have gone by [Unsure].
	Send(ctx context.Context, m Message) (reference string, err error)
}

// Message is one message, written out.
type Message struct {
	// ID is the same each time that the message is sent.
	ID staffkey.OutgoingID
	// To is an e-mail address, or a telephone number as E.164 writes it.
	To string
	// Language is that of the texts: "en" or "cy".
	Language string
	// Subject is that of an e-mail.
	Subject string
	// Text is what an e-mail or a text message says.
	Text string
	// Asked are the sentences with which a call asks for the key [Key], and Spoken those that it says when it was pressed and never before:
	// an answering machine presses none.
	Asked, Spoken []string
	// Template and Args are what the texts were made of, for providers that keep texts of their own.
	Template string
	Args     map[string]string
	// ExpiresAt is when the message is of no use any more.
	ExpiresAt time.Time
}

// Key is what somebody presses on their telephone to hear what a call has to say.
const Key = "1"

// permanent is an error that trying again would not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent wraps an error that trying again, here or with another provider, would not mend, because it is surely about whom the message is
// for: the number is none, or there is no such mailbox. What is wrong between us and a provider (a password, a limit, a name that it does
// not like), and what may be, is not permanent: whoever runs the service mends it, and then the message goes.
func Permanent(err error) error { return permanent{err} }

// IsPermanent reports whether an error is one of [Permanent].
func IsPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

// unsure is an error after which the message may have gone.
type unsure struct{ error }

func (u unsure) Unwrap() error { return u.error }

// Unsure wraps the error of a provider that had the whole message and did not say what became of it: the message may arrive. It is tried
// again few times and after long pauses, or one message would become many.
func Unsure(err error) error { return unsure{err} }

// IsUnsure reports whether an error is one of [Unsure].
func IsUnsure(err error) bool {
	_, ok := errors.AsType[unsure](err)
	return ok
}

// Deps is what a [Service] needs.
type Deps struct {
	Store *store.Store
	// Channels are the providers, in order of preference per kind: when one fails, the next is tried.
	Channels []Channel
	// Address is where people find the service, without a slash at the end: "https://signin.example".
	Address string
	// Location is the time zone that instants are shown in; UTC when nil.
	Location *time.Location
	// ServiceName is what the service calls itself in messages.
	ServiceName string
	Now         func() time.Time
	Log         *slog.Logger
	// Observe, if there is one, is told of each attempt: "sent", "failed" (tried again), "unsure" (it may have gone), "refused" (by its
	// recipient's provider, for good) or "expired". The provider is empty where none was asked.
	Observe func(channel staffkey.ChannelKind, provider, outcome string)
}

// Service delivers messages.
type Service struct {
	Deps
	host      string // of Address
	texts     *locale.Catalogue
	providers map[staffkey.ChannelKind][]*provider
	lines     []*line
	known     map[staffkey.ChannelKind][]string // the templates of each channel
	keepEvery time.Duration                     // how often the lease of a message that is being sent is renewed
	patience  map[staffkey.ChannelKind]time.Duration
}

// New returns a service that delivers by the channels of d.
func New(d Deps) (*Service, error) {
	address, err := url.Parse(d.Address)
	if err != nil || address.Hostname() == "" {
		return nil, fmt.Errorf("address of the service %q: not a web address", d.Address)
	}
	texts, err := locale.Load(localeFiles)
	if err != nil {
		return nil, fmt.Errorf("load message texts: %w", err)
	}
	s := &Service{Deps: d, host: address.Hostname(), texts: texts, providers: map[staffkey.ChannelKind][]*provider{}, known: map[staffkey.ChannelKind][]string{},
		keepEvery: lease / 3, patience: maps.Clone(patience)}
	for name, t := range templates {
		s.known[t.channel] = append(s.known[t.channel], name)
	}
	for _, names := range s.known {
		slices.Sort(names) // one statement for all times
	}
	if s.Location == nil {
		s.Location = time.UTC
	}
	for _, kind := range []staffkey.ChannelKind{staffkey.ChannelText, staffkey.ChannelVoice, staffkey.ChannelEmail} {
		s.lines = append(s.lines, newLine(kind))
	}
	for _, c := range d.Channels {
		s.providers[c.Kind()] = append(s.providers[c.Kind()], &provider{Channel: c})
	}
	return s, nil
}

// Has reports whether there is a provider for a kind of channel.
func (s *Service) Has(kind staffkey.ChannelKind) bool { return len(s.providers[kind]) > 0 }

// Receipt is what a provider says about a message that it has taken.
type Receipt struct {
	Provider, Reference string
	// State is staffkey.DeliveryDelivered or staffkey.DeliveryFailed.
	State staffkey.DeliveryState
	// Problem is a short text without secrets; empty when the message arrived.
	Problem string
}

// NoteReceipt notes a receipt, also one that comes before our own note that the provider took the message. ErrNotFound: what became of
// the message was known; a provider need not hear of that.
func (s *Service) NoteReceipt(ctx context.Context, r Receipt) error {
	err := s.Store.Housekeep(ctx, func(tx *store.Tx) error { return tx.NoteReceipt(r.Provider, r.Reference, r.State, r.Problem) })
	if err != nil {
		return fmt.Errorf("note a receipt of %s: %w", r.Provider, err)
	}
	return nil
}
