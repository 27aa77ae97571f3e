package notify

import (
	"slices"
	"time"

	"staffkey"
)

// SetPatience changes how long a provider may take over a message.
func (s *Service) SetPatience(d time.Duration) {
	for kind := range s.patience {
		s.patience[kind] = d
	}
}

// SetKeepEvery changes how often the lease of a message that is being sent is renewed.
func (s *Service) SetKeepEvery(d time.Duration) { s.keepEvery = d }

// Forget makes the service one of a release that does not know a template.
func (s *Service) Forget(template string) {
	for kind, names := range s.known {
		s.known[kind] = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == template })
	}
}

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
