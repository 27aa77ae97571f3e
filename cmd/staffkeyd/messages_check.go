package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/email"
)

// checkMessages tells the doctor which channels there are, and what is wrong with them: check tells what is to be mended, and note a choice that costs
// people something.
func (c *serverConfig) checkMessages(ctx context.Context, set settled, check func(string, error), note func(string, *problem)) {
	if p := set.messages.noMail(); p != nil {
		note("messages ("+set.messages.String()+")", p)
	} else {
		check("messages: "+set.messages.String(), nil)
	}
	if set.messages.mail != nil {
		seen, err := set.messages.checkMail(ctx)
		check(cmp.Or(seen, "mail server"), err)
	}
	p, err := set.messages.dearTexts(notify.Deps{Address: set.address, ServiceName: c.RPName})
	if err != nil {
		check("text messages", err)
	} else if p != nil {
		note("text messages", p)
	}
}

// noMail says that this installation has no way to send e-mail, or is nil. That is a choice, and one with consequences that nobody sees
// until somebody waits for a mail.
func (m messages) noMail() *problem {
	if slices.ContainsFunc(m.channels, func(c notify.Channel) bool { return c.Kind() == staffkey.ChannelEmail }) {
		return nil
	}
	return &problem{
		cause: "no e-mail can be sent: nobody is told of changes to their account, and nobody can get a link for a new password",
		fix:   "Name a mail server and who writes: --smtp-host HOST --mail-from ADDRESS.",
	}
}

// dearTexts says that text messages with codes take more than one part from here, or is nil.
func (m messages) dearTexts(d notify.Deps) (*problem, error) {
	if !slices.ContainsFunc(m.channels, func(c notify.Channel) bool { return c.Kind() == staffkey.ChannelText }) {
		return nil, nil
	}
	service, err := m.newService(d)
	if err != nil {
		return nil, err
	}
	parts, beyond, err := service.CodeParts()
	if err != nil || parts == 1 {
		return nil, err
	}
	cause, fix := fmt.Sprintf("each text message with a code is sent, and paid for, as %d", parts), "Choose a shorter name: --rp-name NAME."
	if beyond != "" {
		cause += fmt.Sprintf(", because the name of the service has letters beyond those of text messages (GSM 03.38): %s", beyond)
		fix = "Choose a name without them: --rp-name NAME."
	}
	return &problem{cause: cause, fix: fix}, nil
}

// checkMail asks the mail server whether it takes mail from here. It returns what was seen.
func (m messages) checkMail(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, mailCheckWithin)
	defer cancel()
	seen, err := m.mail.Check(ctx)
	if trouble, ok := errors.AsType[*email.Trouble](err); ok {
		return "", &problem{cause: trouble.Cause, fix: trouble.Fix, err: err}
	}
	return seen, err
}

// mailCheckWithin is for the whole conversation: a mail server may keep a stranger waiting.
const mailCheckWithin = 30 * time.Second
