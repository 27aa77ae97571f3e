package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

type lostPage struct{}

func (lostPage) layout() (string, bool) { return "no/such", false }

// brokenPage has a template that asks for fields it does not have.
type brokenPage struct{}

func (brokenPage) layout() (string, bool) { return "account/tokens", true }

func TestRenderSendsNothingOfABrokenPage(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []Page{lostPage{}, brokenPage{}} {
		w := httptest.NewRecorder()
		if err := u.Render(w, http.StatusOK, Frame{}, page); err == nil {
			t.Errorf("%T: no error", page)
		}
		if w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%T: wrote %d bytes and headers %v, want nothing", page, w.Body.Len(), w.Header())
		}
	}
}

func TestRenderHeaders(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	frame := Frame{Lang: "en", Theme: "dark"}
	if err := u.Render(w, http.StatusNotFound, frame, ErrorPage{Message: StatusMessage(404)}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Content-Encoding": "",
		"Content-Length": strconv.Itoa(w.Body.Len()),
	}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if w.Code != http.StatusNotFound {
		t.Errorf("status is %d, want 404", w.Code)
	}
	if !strings.Contains(w.Body.String(), `<html lang="en" data-theme="dark">`) {
		t.Error("the theme is not on <html>")
	}
}

// A page says when its session ends to the millisecond, rounded up: a timer that is early finds the session alive.
func TestRender_says_when_the_session_ends(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		left, idle time.Duration
		want       string
	}{
		{15*time.Minute - time.Nanosecond, 15 * time.Minute, `data-session="900000" data-session-warning="120000"`},
		{299*time.Second + 123456*time.Microsecond, 5 * time.Minute, `data-session="299124" data-session-warning="100000"`},
		{time.Minute, time.Minute, `data-session="60000" data-session-warning="20000"`},
		{time.Nanosecond, time.Hour, `data-session="1" data-session-warning="120000"`},
	} {
		w := httptest.NewRecorder()
		frame := Frame{Lang: "en", Now: now, SessionEndsAt: now.Add(tt.left), SessionIdle: tt.idle, SessionOf: "0192"}
		if err := u.Render(w, http.StatusOK, frame, HomePage{}); err != nil {
			t.Fatal(err)
		}
		if body := w.Body.String(); !strings.Contains(body, "<body "+tt.want+` data-session-of="0192">`) || !strings.Contains(body, `id="session-dialog"`) {
			t.Errorf("%v left of %v: want %s on the page", tt.left, tt.idle, tt.want)
		}
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	get := func(method, path, accept string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		u.Static().ServeHTTP(w, r)
		return w.Result()
	}
	for name, path := range u.static.paths {
		plain, zipped := get("GET", path, "br"), get("GET", path, "br, gzip;q=0.5")
		want, _ := io.ReadAll(plain.Body)
		unzip, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(unzip)
		if err != nil || !bytes.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: the compressed file is not the same: %v", name, err)
		}
		if c := zipped.Header.Get("Cache-Control"); c != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control is %q", name, c)
		}
		if zipped.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" || zipped.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: encoding headers are wrong", name)
		}
		if refused := get("GET", path, "gzip;q=0"); refused.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: gzip was sent to a browser that refuses it", name)
		}
		if head := get("HEAD", path, ""); head.StatusCode != 200 || head.ContentLength != int64(len(want)) {
			t.Errorf("%s: HEAD answers %d with length %d", name, head.StatusCode, head.ContentLength)
		}
		if post := get("POST", path, ""); post.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: POST answers %d, want 405", name, post.StatusCode)
		}
	}
	for _, path := range []string{"/static/", "/static/app.css", "/static/../ui.go"} {
		if r := get("GET", path, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, r.StatusCode)
		}
	}
}

func TestSizeBudgets(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	zip := func(body []byte) int {
		z, err := compress(body)
		if err != nil {
			t.Fatal(err)
		}
		return len(z)
	}
	file := func(name string) []byte {
		body, err := staticSources.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	css, script := zip(file("app.css")), zip(slices.Concat(file("forms.js"), file("session.js"), file("ceremony.js")))
	w := httptest.NewRecorder()
	if err := u.Render(w, 200, Frame{Organisation: "Northmoor Hospitals"}, SignInPage{Key: Ceremony{Options: strings.Repeat("x", 600)}}); err != nil {
		t.Fatal(err)
	}
	budgets := []struct {
		what     string
		got, max int
	}{
		{"app.css", css, 14 << 10},
		{"ceremony.js", zip(file("ceremony.js")), 4 << 10},
		{"forms.js", zip(file("forms.js")), 3 << 10},
		{"session.js", zip(file("session.js")), 2 << 10},
		// The page itself is not compressed on the way.
		{"sign-in page with style and script", w.Body.Len() + css + script, 25 << 10},
	}
	for _, b := range budgets {
		t.Logf("%s: %d of %d bytes", b.what, b.got, b.max)
		if b.got > b.max {
			t.Errorf("%s is %d bytes, want at most %d", b.what, b.got, b.max)
		}
	}
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	page := UnsupportedPage{Organisation: "<b>", Address: "https://signin.northmoor.example/signin", InternetExplorer: true, CodeHref: "/signin/recovery-code"}
	if err := u.RenderUnsupported(w, "en", page); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if len(body) >= 4<<10 {
		t.Errorf("page is %d bytes, want under 4 KB", len(body))
	}
	for _, no := range []string{"<script", "<style", "<link", "style=", "<svg", "&lt;!"} {
		if strings.Contains(body, no) {
			t.Errorf("page holds %q", no)
		}
	}
	if !strings.Contains(body, `href="microsoft-edge:https://signin.northmoor.example/signin"`) {
		t.Error("no link that opens Edge")
	}
	page.Address = "javascript:alert(1)"
	w = httptest.NewRecorder()
	if err := u.RenderUnsupported(w, "en", page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.Body.String(), "microsoft-edge:javascript") {
		t.Error("the Edge link takes any address")
	}
}

// discard is a response that costs nothing, so that the benchmark measures pages.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header, 4) }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func BenchmarkRenderSignIn(b *testing.B) {
	u, err := New()
	if err != nil {
		b.Fatal(err)
	}
	frame := Frame{Lang: "en", Organisation: "Northmoor Hospitals", Path: "/signin", Now: time.Now()}
	page := SignInPage{Username: "amara.okafor@northmoor.example", Key: Ceremony{
		Kind: "get", Action: "/signin/key", Outcome: "/signin/key/outcome", Refresh: "/signin/key/options", Step: "signin",
		Sealed:  strings.Repeat("c2VhbGVk", 40),
		Options: `{"challenge":"ZGVtb25zdHJhdGlvbi1jaGFsbGVuZ2UtMDEyMzQ1Njc","timeout":120000,"rpId":"localhost","userVerification":"required","hints":["security-key"]}`,
	}}
	b.ReportAllocs()
	for b.Loop() {
		w := discard{}
		if err := u.Render(w, 200, frame, page); err != nil {
			b.Fatal(err)
		}
	}
}
