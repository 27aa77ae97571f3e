package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// newTestGateway is a gateway, and the port that it would be served at.
func newTestGateway(t *testing.T) (*gateway, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g, err := newGateway(l, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return g, l
}

// newServedGateway is a gateway that answers at its address.
func newServedGateway(t *testing.T) *gateway {
	t.Helper()
	g, l := newTestGateway(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.serve(ctx, &http.Server{}, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return g
}

// ask sends a request to the gateway.
func ask(g *gateway, method, target, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, g.address+target, strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	g.handler().ServeHTTP(w, r)
	return w
}

func TestGateway_shows_what_its_channels_send(t *testing.T) {
	t.Parallel()
	g := newServedGateway(t)
	channels, err := g.channels()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []staffkey.ChannelKind
	for i, c := range channels {
		kinds = append(kinds, c.Kind())
		m := notify.Message{ID: staffkey.OutgoingID(c.Kind()), To: "+447700900123", Language: "cy", Text: "text of " + string(c.Kind()), Args: map[string]string{"Code": "123456"}}
		for range 2 { // the second is the same message again
			ref, err := c.Send(t.Context(), m)
			if want := "demo-" + string(rune('1'+i)); c.Kind() != staffkey.ChannelEmail && ref != want || err != nil {
				t.Errorf("%s: reference %q, want %q, %v", c.Kind(), ref, want, err)
			}
		}
	}
	if diff := cmp.Diff([]staffkey.ChannelKind{staffkey.ChannelEmail, staffkey.ChannelText, staffkey.ChannelVoice}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	res, err := http.Get(g.address + "/messages?to=%2B447700900123&after=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var got []sentMessage
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Kind != staffkey.ChannelVoice || got[1].Kind != staffkey.ChannelText || got[1].Number != 2 || got[1].Code != "123456" || got[1].Language != "cy" || got[1].At.IsZero() {
		t.Errorf("messages: %+v", got)
	}
}

func TestGateway_page(t *testing.T) {
	t.Parallel()
	g, _ := newTestGateway(t)
	if page := ask(g, "GET", "/", "", nil).Body.String(); !strings.Contains(page, "Nothing yet") || !strings.Contains(page, `http-equiv="refresh"`) {
		t.Errorf("empty page:\n%s", page)
	}
	if page := ask(g, "GET", "/?refresh=off", "", nil).Body.String(); strings.Contains(page, `http-equiv="refresh"`) {
		t.Errorf("the page refreshes itself though it was told not to:\n%s", page)
	}
	g.add(sentMessage{
		ID: "1", Kind: staffkey.ChannelEmail, To: `<b>"x"@example`, Language: `"><script>alert(1)</script>`, Subject: "<i>subject</i>",
		Text: "Open\nhttps://signin.example/reset?t=a&b=<script>\njavascript:alert(1)",
	})
	g.add(sentMessage{ID: "2", Kind: staffkey.ChannelVoice, To: "+447700900123", Language: "cy", Spoken: []string{"un, <dau>"}, Code: "123456"})
	w := ask(g, "GET", "/", "", nil)
	page := w.Body.String()
	for _, want := range []string{
		`<a href="https://signin.example/reset?t=a&amp;b=">https://signin.example/reset?t=a&amp;b=</a>&lt;script&gt;`, "&lt;i&gt;subject&lt;/i&gt;", "&lt;b&gt;",
		"un, &lt;dau&gt;", `<p class="code">123456</p>`, "Phone call to &#43;447700900123", "E-mail to", "Welsh", `lang="cy"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page:\n%s", want, page)
		}
	}
	for _, never := range []string{"<script", "<b>", "<i>", `href="javascript`, "style="} {
		if strings.Contains(page, never) {
			t.Errorf("%q is in the page:\n%s", never, page)
		}
	}
	if strings.Index(page, "Phone call") > strings.Index(page, "E-mail to") {
		t.Error("the newest message is not first")
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self'") {
		t.Errorf("policy %q", policy)
	}
	if css := ask(g, "GET", "/gateway.css", "", nil); css.Code != http.StatusOK || css.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style sheet: %d %v", css.Code, css.Header())
	}
}

func TestGateway_refuses(t *testing.T) {
	t.Parallel()
	g, _ := newTestGateway(t)
	ours := http.Header{"Authorization": {"Bearer " + g.token}}
	for name, c := range map[string]struct {
		method, target, body string
		header               http.Header
		want                 int
	}{
		"no token":        {"POST", "/messages", `{"id":"1","to":"x"}`, nil, 401},
		"another token":   {"POST", "/messages", `{"id":"1","to":"x"}`, http.Header{"Authorization": {"Bearer x"}}, 401},
		"no JSON":         {"POST", "/messages", "x", ours, 400},
		"no recipient":    {"POST", "/messages", `{"id":"1"}`, ours, 400},
		"too long":        {"POST", "/messages", `{"id":"1","to":"x","text":"` + strings.Repeat("x", gatewayBody) + `"}`, ours, 400},
		"no number":       {"GET", "/messages?after=x", "", nil, 400},
		"no time":         {"GET", "/messages?wait=x", "", nil, 400},
		"not a page":      {"GET", "/other", "", nil, 404},
		"another's name":  {"GET", "http://evil.example:8080/", "", nil, 421},
		"name like ours":  {"GET", "http://localhost.evil.example/messages", "", nil, 421},
		"name of numbers": {"GET", "http://127.0.0.1.evil.example/messages", "", nil, 421},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		if r.Host == "example.com" { // the target named no host
			r.Host = "localhost:8080"
		}
		r.Header = c.header
		w := httptest.NewRecorder()
		g.handler().ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: want %d, got %d", name, c.want, w.Code)
		}
	}
	if sent, _ := g.list("", 0); len(sent) > 0 {
		t.Errorf("kept %+v", sent)
	}
	for _, host := range []string{"localhost", "localhost:1", "127.0.0.1:1", "[::1]:1"} {
		if !isThisMachine(host) {
			t.Errorf("%s is refused", host)
		}
	}
}

func TestGateway_keeps_the_last_200(t *testing.T) {
	t.Parallel()
	g, _ := newTestGateway(t)
	for i := range 201 {
		g.add(sentMessage{ID: staffkey.OutgoingID(time.Duration(i).String()), To: "x"})
	}
	sent, _ := g.list("", 0)
	if len(sent) != 200 || sent[0].Number != 201 || sent[199].Number != 2 {
		t.Errorf("%d messages, from %d to %d", len(sent), sent[0].Number, sent[len(sent)-1].Number)
	}
}

func TestGateway_waits_for_a_message(t *testing.T) {
	t.Parallel()
	g, _ := newTestGateway(t)
	synctest.Test(t, func(t *testing.T) {
		g.changed = make(chan struct{}) // of this bubble
		start := time.Now()
		if got := ask(g, "GET", "/messages?to=x&wait=1h", "", nil).Body.String(); got != "[]\n" || time.Since(start) != gatewayMaxWait {
			t.Errorf("without a message: %q after %s", got, time.Since(start))
		}
		got := make(chan string)
		go func() { got <- ask(g, "GET", "/messages?to=x&wait=10s", "", nil).Body.String() }()
		synctest.Wait()
		g.add(sentMessage{ID: "1", To: "y"})
		synctest.Wait()
		g.add(sentMessage{ID: "2", To: "x"})
		if list := <-got; !strings.Contains(list, `"id":"2"`) || strings.Contains(list, `"id":"1"`) {
			t.Errorf("with a message: %s", list)
		}
	})
}

func TestGateway_gets_what_is_in_the_outbox(t *testing.T) {
	t.Parallel()
	g := newServedGateway(t)
	channels, err := g.channels()
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.Open(t, "sqlite", time.Now)
	service, err := messages{channels: channels}.newService(notify.Deps{
		Store: s, Address: "http://localhost:8080", Location: time.UTC, ServiceName: "Staffkey", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Housekeep(t.Context(), func(tx *store.Tx) error {
		code, ends := map[string]string{"Code": "123456"}, tx.Now.Add(time.Hour)
		return tx.InsertOutgoing(
			staffkey.Outgoing{Channel: staffkey.ChannelText, Template: "code.text", To: "+447700900123", Args: code, ExpiresAt: ends},
			staffkey.Outgoing{Channel: staffkey.ChannelVoice, Template: "code.voice", To: "+447700900124", Language: "cy", Args: code, ExpiresAt: ends},
			staffkey.Outgoing{Channel: staffkey.ChannelEmail, Template: "reset.link", To: "amara@x.example", Args: map[string]string{"Link": "/reset?t=secret"}, ExpiresAt: ends},
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := service.Deliver(t.Context()); n != 3 || err != nil {
		t.Fatalf("delivered %d, %v", n, err)
	}
	for to, want := range map[string]sentMessage{
		"+447700900123":   {Kind: staffkey.ChannelText, Language: "en", Code: "123456"},
		"+447700900124":   {Kind: staffkey.ChannelVoice, Language: "cy", Code: "123456"},
		"amara@x.example": {Kind: staffkey.ChannelEmail, Language: "en"},
	} {
		got, _ := g.list(to, 0)
		if len(got) != 1 {
			t.Errorf("%s: want 1 message, got %+v", to, got)
			continue
		}
		short := sentMessage{Kind: got[0].Kind, Language: got[0].Language, Code: got[0].Code}
		if diff := cmp.Diff(want, short); diff != "" {
			t.Errorf("%s (-want +got):\n%s", to, diff)
		}
		if got[0].Text == "" && len(got[0].Spoken) == 0 {
			t.Errorf("%s: says nothing", to)
		}
	}
	if page := ask(g, "GET", "/", "", nil).Body.String(); !strings.Contains(page, `<a href="http://localhost:8080/reset?t=secret">`) {
		t.Errorf("no link in:\n%s", page)
	}
}
