package crash

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/test/program"
)

// enrolNumber sets up codes by text message.
func (s *staff) enrolNumber(ctx context.Context, p *program.Program) error {
	page, err := s.browser.Get(ctx, "/me/mfa/text")
	if err != nil {
		return err
	}
	if page, err = s.browser.Confirm(ctx, page, s.key); err != nil {
		return err
	}
	if page, err = s.send(ctx, page, "number-form", map[string]string{"number": s.number}); err != nil {
		return err
	}
	message, err := p.LatestMessage(ctx, s.number, 0)
	if err != nil {
		return err
	}
	if page, err = s.send(ctx, page, "number-code-form", map[string]string{"code": message.Code}); err != nil {
		return err
	}
	if page.URL.Path != "/me/mfa" {
		return &program.Unexpected{Doing: "set a number up", Page: page}
	}
	s.sent = 1
	return nil
}

func (s *staff) send(ctx context.Context, page *program.Page, id string, values map[string]string) (*program.Page, error) {
	form, ok := page.Form(id)
	if !ok {
		return nil, &program.Unexpected{Doing: "send " + id, Page: page}
	}
	return s.browser.Submit(ctx, page, form, values)
}

// haveCodeSent asks for a code by text message. Within half a minute of the one before it is too early for another, and nothing happens.
func (s *staff) haveCodeSent(ctx context.Context) error {
	r := result{kind: staffkey.EventCodeSent, subject: string(staffkey.MethodTextMessage)}
	return s.submit(r, "/me/confirm/text", func() error {
		page, err := s.browser.Submit(ctx, nil, &program.Form{Action: "/me/confirm/text/send"}, map[string]string{"send": "1"})
		switch {
		case err != nil:
			return err
		case page.Status == http.StatusTooManyRequests:
			s.open = nil
		case page.Status != http.StatusOK || page.URL.Path != "/me/confirm/text":
			return &program.Unexpected{Doing: "have a code sent", Page: page}
		}
		return nil
	})
}

// outbox counts the codes by username that the gateway has taken or that wait for it. A code that was neither is lost.
type outbox map[string]int

// codeTemplate tells codes from the other text messages: a number is told of grave changes, too.
const codeTemplate = "code.text"

// readMessages reads the outbox from the data beside the program, and lets everybody ask for another code at once.
func (f *federation) readMessages(ctx context.Context) (messages outbox, err error) {
	cfg := store.Config{PostgreSQL: f.options.Postgres}
	if cfg.PostgreSQL == "" {
		cfg.SQLite = filepath.Join(f.options.Data, "staffkey.db")
	}
	if cfg.Sealer, err = store.OpenSealer(filepath.Join(f.options.Data, "sealing-key")); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = s.Housekeep(ctx, func(tx *store.Tx) error {
		messages = outbox{}
		for _, one := range f.staff {
			p, err := tx.FindPersonByLogin(one.account.Username)
			if err != nil {
				return err
			}
			if err := forgetSending(tx, s.Sealer(), p.ID, one.number); err != nil {
				return err
			}
			for _, state := range []staffkey.DeliveryState{staffkey.DeliveryWaiting, staffkey.DeliverySent, staffkey.DeliveryDelivered} {
				list, err := tx.ListOutgoing(store.OutgoingFilter{Person: p.ID, Channel: staffkey.ChannelText, State: state})
				if err != nil {
					return err
				}
				for _, m := range list {
					if m.Template == codeTemplate {
						messages[one.account.Username]++
					}
				}
			}
		}
		return nil
	})
	return messages, err
}

// forgetSending forgets how many codes a person had sent: the limits by day are not what is looked at here.
func forgetSending(tx *store.Tx, sealer *store.Sealer, person staffkey.PersonID, number string) error {
	digest, err := sealer.Digest("code/number", []byte(number))
	if err != nil {
		return err
	}
	subjects := []string{"code/wait/" + string(person), "code/person/" + string(person), "code/number/" + base64.RawURLEncoding.EncodeToString(digest)}
	for _, subject := range subjects {
		if err := tx.ForgetFailures(subject); err != nil {
			return err
		}
	}
	return nil
}

// compare says what the outbox lacks of the codes that were acknowledged as sent, and what it has more than can have been asked for.
func (o outbox) compare(s *staff) (problems []string) {
	want := s.sent
	for _, r := range s.done {
		if r.kind == staffkey.EventCodeSent {
			want++
		}
	}
	most := want
	if s.open != nil && s.open.kind == staffkey.EventCodeSent {
		most++
	}
	if got := o[s.account.Username]; got < want || got > most {
		problems = append(problems, fmt.Sprintf("%d codes were sent or wait, want %d to %d", got, want, most))
	}
	return problems
}
