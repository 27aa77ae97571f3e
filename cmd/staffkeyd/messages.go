package main

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/email"
	"staffkey/internal/notify/telephone"
)

// messageConfig says how the server reaches people outside of the browser. A channel without settings is off.
type messageConfig struct {
	SMTPHost         string   `help:"Mail server that takes e-mail. Without it, no e-mail is sent." placeholder:"HOST"`
	SMTPPort         int      `help:"Port of the mail server; 0 is 587, or 465 with --smtp-security=tls." default:"0" placeholder:"PORT"`
	SMTPUser         string   `help:"User name at the mail server. Without it, it is not signed in to." placeholder:"NAME"`
	SMTPPasswordFile string   `help:"File that holds the password at the mail server." type:"path" placeholder:"FILE"`
	SMTPSecurity     string   `help:"starttls, tls (from the first byte), or none, which is for a mail server on this machine." default:"starttls" enum:"starttls,tls,none" placeholder:"KIND"`
	SMTPHelo         string   `help:"Name by which the mail server is greeted: that of this machine in the DNS, or its address in brackets. Default: the host of --address. Mail servers refuse names that they do not know." placeholder:"NAME"`
	SMTPRoots        string   `help:"File with the certificates (PEM) of the authorities that the mail server's may come from, instead of those of this machine." type:"path" placeholder:"FILE"`
	MailFrom         string   `help:"Address that e-mails come from." placeholder:"ADDRESS"`
	TextProvider     []string `help:"Who sends text messages: http, twilio or govuk-notify. Given more than once, the next is asked when one fails." enum:"http,twilio,govuk-notify" placeholder:"PROVIDER"`
	VoiceProvider    []string `help:"Who makes phone calls: http or twilio, which has to reach --address: it asks there what to say when a key was pressed. May be given more than once, too." enum:"http,twilio" placeholder:"PROVIDER"`

	HTTPProviderURL         string `help:"Address of a gateway of your own that takes text messages and calls as JSON." placeholder:"URL"`
	HTTPProviderTokenFile   string `help:"File that holds the bearer token for the gateway." type:"path" placeholder:"FILE"`
	HTTPProviderReceiptFile string `help:"File that holds the secret with which the gateway signs delivery receipts. Without it, none are taken." type:"path" placeholder:"FILE"`

	TwilioURL       string `help:"Address of the API of Twilio, or of a service that speaks as Twilio does." default:"https://api.twilio.com" placeholder:"URL"`
	TwilioAccount   string `help:"SID of the account." placeholder:"SID"`
	TwilioTokenFile string `help:"File that holds the token of the account; its delivery receipts are signed by it, too." type:"path" placeholder:"FILE"`
	TwilioFrom      string `help:"Number, name or messaging service (MG…) that text messages come from." placeholder:"FROM"`
	TwilioVoiceFrom string `help:"Number that calls come from, when it is not that of the text messages." placeholder:"NUMBER"`

	GOVUKNotifyURL         string `help:"Address of the API of GOV.UK Notify." default:"https://api.notifications.service.gov.uk" placeholder:"URL"`
	GOVUKNotifyKeyFile     string `help:"File that holds the API key." type:"path" placeholder:"FILE"`
	GOVUKNotifyTemplate    string `help:"Id of the text message template, which says ((body))." placeholder:"ID"`
	GOVUKNotifyReceiptFile string `help:"File that holds the bearer token that Notify shows with delivery receipts. Without it, none are taken." type:"path" placeholder:"FILE"`
}

// messages are the channels of this installation, in the order of preference, and what their receipts are known by.
type messages struct {
	channels                             []notify.Channel
	httpSecret, twilioToken, notifyToken string
	// mail is the mail server, which is one of the channels; nil when there is none.
	mail *email.Channel
}

// settle checks the settings, reads the secrets and makes the channels. address is the public one, empty when it is wrong itself.
func (c *messageConfig) settle(address string, add func(format string, args ...any)) messages {
	var m messages
	// secret reads a file; a setting that must be there and is not is told as a problem.
	secret := func(setting, file string, needed bool) string {
		if file == "" {
			if needed {
				add("%s: say which file holds it", setting)
			}
			return ""
		}
		raw, err := os.ReadFile(file)
		text := fileText(raw)
		switch {
		case err != nil:
			add("%s: %s cannot be read: %s", setting, file, reason(err))
		case text == "":
			add("%s: %s is empty", setting, file)
		}
		return text
	}
	keep := func(setting string, channel notify.Channel, err error) {
		if err != nil {
			add("%s: %v", setting, err)
			return
		}
		m.channels = append(m.channels, channel)
	}
	if c.SMTPHost != "" {
		mail := email.Config{
			Host: c.SMTPHost, Port: c.SMTPPort, User: c.SMTPUser, Security: c.SMTPSecurity, From: c.MailFrom, Hello: c.SMTPHelo,
			Password: secret("smtp-password-file", c.SMTPPasswordFile, c.SMTPUser != ""),
		}
		var err error
		if mail.Roots, err = c.mailRoots(); err != nil {
			add("smtp-roots: %v", err)
		}
		if u, err := url.Parse(address); mail.Hello == "" && err == nil && strings.Contains(u.Hostname(), ".") {
			mail.Hello = u.Hostname()
		}
		if mail.From == "" {
			add("mail-from: say which address e-mails come from")
		} else if m.mail, err = email.New(mail); err != nil {
			add("smtp-host: %v", err)
		} else {
			m.channels = append(m.channels, m.mail)
		}
	} else if c.SMTPUser != "" || c.MailFrom != "" {
		add("smtp-host: say which mail server takes e-mail, or leave out smtp-user and mail-from")
	}
	uses := func(provider string) bool {
		return slices.Contains(c.TextProvider, provider) || slices.Contains(c.VoiceProvider, provider)
	}
	gateway := telephone.HTTPConfig{URL: c.HTTPProviderURL}
	if uses("http") {
		gateway.Token = secret("http-provider-token-file", c.HTTPProviderTokenFile, true)
		m.httpSecret = secret("http-provider-receipt-file", c.HTTPProviderReceiptFile, false)
	}
	account := telephone.TwilioConfig{URL: c.TwilioURL, Account: c.TwilioAccount, From: c.TwilioFrom, StatusCallback: telephone.TwilioReceipts(address)}
	if uses("twilio") {
		m.twilioToken = secret("twilio-token-file", c.TwilioTokenFile, true)
		account.Token = m.twilioToken
	}
	for _, list := range []struct {
		kind      staffkey.ChannelKind
		setting   string
		providers []string
	}{{staffkey.ChannelText, "text-provider", c.TextProvider}, {staffkey.ChannelVoice, "voice-provider", c.VoiceProvider}} {
		for i, provider := range list.providers {
			setting := list.setting + " " + provider
			if slices.Contains(list.providers[:i], provider) {
				add("%s: is named twice", setting)
				continue
			}
			switch provider {
			case "http":
				channel, err := telephone.NewHTTP(list.kind, gateway)
				keep("http-provider-url", channel, err)
			case "twilio":
				if list.kind == staffkey.ChannelVoice && c.TwilioVoiceFrom != "" {
					account.From = c.TwilioVoiceFrom
				}
				channel, err := telephone.NewTwilio(list.kind, account)
				keep(setting, channel, err)
			case "govuk-notify":
				m.notifyToken = secret("govuk-notify-receipt-file", c.GOVUKNotifyReceiptFile, false)
				key := secret("govuk-notify-key-file", c.GOVUKNotifyKeyFile, true)
				channel, err := telephone.NewNotify(telephone.NotifyConfig{URL: c.GOVUKNotifyURL, Key: key, Template: c.GOVUKNotifyTemplate})
				keep(setting, channel, err)
			}
		}
	}
	return m
}

// mailRoots are the authorities of --smtp-roots; nil when it is not set.
func (c *messageConfig) mailRoots() (*x509.CertPool, error) {
	if c.SMTPRoots == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(c.SMTPRoots)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %s", c.SMTPRoots, reason(err))
	}
	roots := x509.NewCertPool()
	if one, err := x509.ParseCertificate(raw); err == nil { // DER
		roots.AddCert(one)
	} else if !roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate: give those of the authorities in PEM", c.SMTPRoots)
	}
	return roots, nil
}

// String says which channels there are, for the doctor: "e-mail by smtp, text messages by http, twilio, no calls".
func (m messages) String() string {
	parts := make([]string, 0, 3)
	for _, kind := range []struct {
		kind staffkey.ChannelKind
		name string
	}{{staffkey.ChannelEmail, "e-mail"}, {staffkey.ChannelText, "text messages"}, {staffkey.ChannelVoice, "calls"}} {
		var providers []string
		for _, c := range m.channels {
			if c.Kind() == kind.kind {
				providers = append(providers, c.Name())
			}
		}
		if providers == nil {
			parts = append(parts, "no "+kind.name)
		} else {
			parts = append(parts, kind.name+" by "+strings.Join(providers, " and "))
		}
	}
	return strings.Join(parts, ", ")
}

// withReceipts puts the receipts of providers beside the pages, when there is a provider that sends any.
func (m messages) withReceipts(pages http.Handler, service *notify.Service, address string, log *slog.Logger) http.Handler {
	receipts := telephone.Receipts(telephone.ReceiptsConfig{
		Address: address, HTTPSecret: m.httpSecret, TwilioToken: m.twilioToken, NotifyToken: m.notifyToken,
		Note: service.NoteReceipt, Now: time.Now, Log: log,
	})
	if receipts == nil {
		return pages
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/hooks/") {
			receipts.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// newService wires the delivery of what is in the outbox.
func (m messages) newService(d notify.Deps) (*notify.Service, error) {
	d.Channels, d.Now = m.channels, time.Now
	service, err := notify.New(d)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return service, nil
}
