package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/telephone"
)

// The bounds of the gateway.
const (
	gatewayKeeps   = 200 // messages
	gatewayBody    = 64 << 10
	gatewayMaxWait = 30 * time.Second
)

//go:embed gateway.html gateway.css
var gatewayFiles embed.FS

var gatewayPage = template.Must(template.ParseFS(gatewayFiles, "gateway.html"))

// gateway shows what the demo sends instead of sending it: texts, calls and e-mails, on a page of its own beside the demo. Texts and
// calls reach it by the provider that an installation with a gateway of its own uses, so that what is tried here is what runs there.
type gateway struct {
	address  string
	token    string // what the demo's provider shows
	location *time.Location
	css      []byte

	mu      sync.Mutex
	count   int
	sent    []sentMessage // newest first
	changed chan struct{} // closed when a message comes
}

// sentMessage is a message that the gateway got.
type sentMessage struct {
	// Number counts the messages of this start, from 1.
	Number   int                  `json:"number"`
	ID       staffkey.OutgoingID  `json:"id"`
	Kind     staffkey.ChannelKind `json:"kind"`
	To       string               `json:"to"`
	Language string               `json:"language"`
	Subject  string               `json:"subject,omitempty"`
	Text     string               `json:"text,omitempty"`
	Asked    []string             `json:"asked,omitempty"`
	Key      string               `json:"key,omitempty"`
	Spoken   []string             `json:"spoken,omitempty"`
	Code     string               `json:"code,omitempty"`
	At       time.Time            `json:"at"`
}

// newGateway returns the gateway that listens on a port of this machine.
func newGateway(listener net.Listener, location *time.Location) (*gateway, error) {
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	css, err := gatewayFiles.ReadFile("gateway.css")
	if err != nil {
		return nil, err
	}
	return &gateway{address: "http://localhost:" + port, token: rand.Text(), location: location, css: css, changed: make(chan struct{})}, nil
}

// channels are the channels of a demo.
func (g *gateway) channels() ([]notify.Channel, error) {
	list := []notify.Channel{demoMail{g}}
	for _, kind := range []staffkey.ChannelKind{staffkey.ChannelText, staffkey.ChannelVoice} {
		c, err := telephone.NewHTTP(kind, telephone.HTTPConfig{URL: g.address + "/messages", Token: g.token})
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// demoMail is the mail server of the demo.
type demoMail struct{ gateway *gateway }

// Kind implements notify.Channel.
func (demoMail) Kind() staffkey.ChannelKind { return staffkey.ChannelEmail }

// Name implements notify.Channel.
func (demoMail) Name() string { return "demo" }

// Send implements notify.Channel.
func (m demoMail) Send(_ context.Context, message notify.Message) (string, error) {
	return m.gateway.add(sentMessage{
		ID: message.ID, Kind: staffkey.ChannelEmail, To: message.To, Language: message.Language, Subject: message.Subject, Text: message.Text,
	}), nil
}

// add keeps a message and returns its reference. A message that came before is recognised by its id.
func (g *gateway) add(m sentMessage) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.IndexFunc(g.sent, func(old sentMessage) bool { return old.ID == m.ID }); i >= 0 {
		return g.sent[i].reference()
	}
	g.count++
	m.Number, m.At = g.count, time.Now().In(g.location)
	g.sent = append([]sentMessage{m}, g.sent[:min(len(g.sent), gatewayKeeps-1)]...)
	close(g.changed)
	g.changed = make(chan struct{})
	return m.reference()
}

func (m sentMessage) reference() string { return "demo-" + strconv.Itoa(m.Number) }

// list returns the messages to somebody (to everybody when to is empty) that came after a number, newest first, and a channel that is
// closed when another comes.
func (g *gateway) list(to string, after int) ([]sentMessage, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := []sentMessage{}
	for _, m := range g.sent {
		if m.Number > after && (to == "" || m.To == to) {
			found = append(found, m)
		}
	}
	return found, g.changed
}

// serve serves until ctx ends.
func (g *gateway) serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	server.Handler = g.handler()
	server.BaseContext = func(net.Listener) context.Context { return ctx } // whoever waits for a message is let go
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultShutdownWait)
		defer cancel()
		ended <- server.Shutdown(wait)
	}()
	if err := unlessClosed(server.Serve(listener)); err != nil {
		return fmt.Errorf("gateway of the demo: %w", err)
	}
	return <-ended
}

// handler routes: the page, its style sheet, the messages as JSON, and where messages are handed in.
func (g *gateway) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", g.showPage)
	mux.HandleFunc("GET /gateway.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(g.css) // a browser that has gone needs none
	})
	mux.HandleFunc("GET /messages", g.showJSON)
	mux.HandleFunc("POST /messages", g.take)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !isThisMachine(r.Host) {
			http.Error(w, "This page is at "+g.address+" only.", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isThisMachine tells a browser on this machine from a web site whose name somebody has pointed here to read the codes: it comes by
// its name, and never by a number.
func isThisMachine(host string) bool {
	u := url.URL{Host: host}
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()) != nil
}

// take is the other end of the provider: it takes texts and calls.
func (g *gateway) take(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+g.token)) != 1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var m sentMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, gatewayBody)).Decode(&m); err != nil || m.ID == "" || m.To == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	writeJSON(w, map[string]string{"reference": g.add(m)})
}

// showJSON lists the messages: ?to= narrows to one recipient, ?after= to the messages after a number. With ?wait=10s it answers only
// when there is one, or when that time is over.
func (g *gateway) showJSON(w http.ResponseWriter, r *http.Request) {
	after, wait := 0, time.Duration(0)
	var err error
	if text := r.FormValue("after"); text != "" {
		after, err = strconv.Atoi(text)
	}
	if text := r.FormValue("wait"); text != "" && err == nil {
		wait, err = time.ParseDuration(text)
	}
	if err != nil {
		http.Error(w, "after is a number, and wait a time such as 10s.", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, gatewayMaxWait))
	defer cancel()
	for {
		found, changed := g.list(r.FormValue("to"), after)
		if len(found) == 0 {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
			}
		}
		writeJSON(w, found)
		return
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// shownMessage is a message as the page shows it.
type shownMessage struct {
	sentMessage
	Heading, Time, LanguageName string
	Lines                       []messagePart
}

// messagePart is a piece of a text: words, or a link.
type messagePart struct{ Words, Link string }

func (g *gateway) showPage(w http.ResponseWriter, r *http.Request) {
	sent, _ := g.list("", 0)
	page := struct {
		Refresh  bool
		Messages []shownMessage
	}{Refresh: r.FormValue("refresh") != "off"}
	for _, m := range sent {
		shown := shownMessage{sentMessage: m, Time: m.At.Format("15:04:05"), LanguageName: "English", Lines: partsOf(m.Text)}
		shown.Heading = map[staffkey.ChannelKind]string{staffkey.ChannelEmail: "E-mail", staffkey.ChannelText: "Text message", staffkey.ChannelVoice: "Phone call"}[m.Kind]
		if m.Language == "cy" {
			shown.LanguageName = "Welsh"
		}
		page.Messages = append(page.Messages, shown)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = gatewayPage.Execute(w, page) // the template is fixed: only a browser that has gone can fail it
}

var links = regexp.MustCompile(`https?://[^\s<>"]+`)

// partsOf takes a text apart into words and links.
func partsOf(text string) []messagePart {
	var parts []messagePart
	end := 0
	for _, at := range links.FindAllStringIndex(text, -1) {
		parts = append(parts, messagePart{Words: text[end:at[0]]}, messagePart{Link: text[at[0]:at[1]]})
		end = at[1]
	}
	return append(parts, messagePart{Words: text[end:]})
}
