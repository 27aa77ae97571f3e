package notify

import (
	"time"

	"staffkey"
)

// SetPatience changes how long a provider may take over a message.
func (s *Service) SetPatience(d time.Duration) { s.patience = d }

// Write writes a message out.
func (s *Service) Write(m staffkey.Outgoing) (Message, error) { return s.write(m) }

// Wrap breaks the lines of a text.
func Wrap(text string, columns int) string { return wrap(text, columns) }

// Clean is what an error says, without secrets.
func Clean(err error, m staffkey.Outgoing) string { return clean(err, m) }

// Wait is how long to wait after a number of attempts.
func Wait(attempts int) time.Duration { return wait(attempts) }

// LocaleFiles are the files of the texts.
var LocaleFiles = localeFiles

// Templates lists the channel and the values of all messages.
func Templates() map[string]struct {
	Channel staffkey.ChannelKind
	Args    []string
} {
	all := make(map[string]struct {
		Channel staffkey.ChannelKind
		Args    []string
	})
	for name, t := range templates {
		all[name] = struct {
			Channel staffkey.ChannelKind
			Args    []string
		}{t.channel, t.args}
	}
	return all
}
