package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is one tab of a browser profile that belongs to one test.
type tab struct {
	t    testing.TB
	ctx  context.Context
	base string // scheme, host and port
	left int    // pages that the tab went away from
	// presses counts clicks and pressed keys that do something, which is C in the table of flows.
	presses int
	kept    int // pictures
	newcomer

	mu     sync.Mutex
	loads  int      // pages loaded: P in the table of flows
	faults []string // what the console reported
	bytes  map[network.RequestID]*transfer
}

// transfer is one answer from the server.
type transfer struct {
	url    string
	status int64
	length float64 // bytes on the wire, with headers
}

// open starts a new profile with one tab.
func open(t testing.TB, base string) *tab {
	t.Helper()
	return newTab(t, chromium(t), base, chromedp.WithNewBrowserContext())
}

// another opens a second tab of the same profile.
func (b *tab) another() *tab {
	b.t.Helper()
	return newTab(b.t, b.ctx, b.base)
}

func newTab(t testing.TB, parent context.Context, base string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, base: base, bytes: map[network.RequestID]*transfer{}}
	ctx, closeTab := chromedp.NewContext(parent, append(options, chromedp.WithListener(b.hear))...)
	b.ctx = ctx
	t.Cleanup(func() {
		closeTab()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Errorf("the browser's console: %s", f)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	// Tabs side by side behave as if each was in front.
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.window(1200, 900)
	b.prefer("light")
	return b
}

// call sends one command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// hear takes down what happens in the tab.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *page.EventLoadEventFired:
		b.loads++
	case *log.EventEntryAdded:
		// The console also repeats statuses of answers. Pages with a form error or a refusal have one; whether it is the right
		// page, the test says.
		u, err := url.Parse(e.Entry.URL)
		ours := err == nil && !strings.HasPrefix(u.Path, "/static/") && strings.HasPrefix(e.Entry.URL, b.base)
		if e.Entry.Source == log.EntrySourceNetwork && ours && strings.Contains(e.Entry.Text, "status of 4") {
			return
		}
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.faults = append(b.faults, fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.faults = append(b.faults, fmt.Sprintf("console.%s: %s", e.Type, describe(e.Args)))
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+e.ExceptionDetails.Text+" "+describe([]*runtime.RemoteObject{e.ExceptionDetails.Exception}))
	case *network.EventResponseReceived:
		b.bytes[e.RequestID] = &transfer{url: e.Response.URL, status: e.Response.Status}
	case *network.EventLoadingFinished:
		if answer := b.bytes[e.RequestID]; answer != nil {
			answer.length = e.EncodedDataLength
		}
	}
}

func describe(objects []*runtime.RemoteObject) string {
	var words []string
	for _, o := range objects {
		if o != nil {
			words = append(words, o.Description+string(o.Value))
		}
	}
	return strings.Join(words, " ")
}

// takeFaults returns what the console reported until now, which then no longer fails the test.
func (b *tab) takeFaults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.faults
	b.faults = nil
	return taken
}

// count returns how many presses and page loads there were since the last count.
func (b *tab) count() (presses, loads int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	presses, loads = b.presses, b.loads
	b.presses, b.loads = 0, 0
	return presses, loads
}

// window sets the size of the page, in CSS pixels.
func (b *tab) window(width, height int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// prefer sets what the person's system asks for: "light" or "dark" colours, and any further media features as pairs of
// name and value. Motion is always reduced, so that pictures are steady.
func (b *tab) prefer(colours string, more ...string) {
	b.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	for i := 0; i+1 < len(more); i += 2 {
		features = append(features, &emulation.MediaFeature{Name: more[i], Value: more[i+1]})
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// eval evaluates an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v\nat %s", clip(expression), err, b.where())
	}
	return value
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// quote makes a JavaScript literal of a value.
func quote(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // texts and numbers always have a JSON form
		panic(err)
	}
	return string(text)
}

// where describes the page that is open, for failures, and keeps a picture of it where SCREENSHOTS names a folder.
func (b *tab) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.title + "\n" + document.querySelector("main, body").innerText`))
	if err != nil {
		return err.Error()
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		b.picture(filepath.Join(dir, strings.NewReplacer("/", "-", " ", "_").Replace(b.t.Name())+"-failed.png"))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return text + "\n" + strings.Join(b.faults, "\n")
}

// wait waits until a condition holds in the page.
func (b *tab) wait(what, condition string) {
	b.t.Helper()
	b.waitFor(patience, what, condition)
}

// waitFor waits at most so long for a condition in the page that takes its time.
func (b *tab) waitFor(atMost time.Duration, what, condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, atMost)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		// While one page gives way to the next there is nothing to ask, so errors count only when the time is over.
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		if yes && err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			b.t.Fatalf("waited for %s in vain (%v), at %s", what, err, b.where())
		}
	}
}

// away does something that leads to another page, and waits until that has loaded. A page that comes back from the browser's memory is
// hidden until it has loaded anew.
func (b *tab) away(do func()) {
	b.t.Helper()
	b.left++
	eval[bool](b, fmt.Sprintf("(window.left = %d, true)", b.left))
	do()
	b.wait("the next page", fmt.Sprintf(`window.left !== %d && document.readyState === "complete" && !document.body.hidden && location.href !== "about:blank"`, b.left))
}

// goTo opens an address by the address bar.
func (b *tab) goTo(path string) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.base + path
	}
	b.away(func() { call(b, page.Navigate, page.NavigateParams{URL: path}) })
}

func (b *tab) reload() {
	b.t.Helper()
	b.away(func() { call(b, page.Reload, page.ReloadParams{}) })
}

// back goes back in the history of the tab, to another page.
func (b *tab) back() {
	b.t.Helper()
	b.away(func() { eval[bool](b, "(history.back(), true)") })
}

// found is JavaScript that finds the one visible element of a selector that has a text, or an error in words.
const found = `((selector, text) => {
	const words = (el) => el.innerText.replace(/\s+/g, " ").trim();
	const all = [...document.querySelectorAll(selector)].filter((el) => el.checkVisibility() && !el.closest("[inert]"));
	const open = document.querySelector("dialog:modal");
	let fit = all.filter((el) => (!text || words(el).includes(text)) && (!open || open.contains(el)));
	const exact = fit.filter((el) => words(el) === text);
	if (exact.length) fit = exact;
	if (fit.length !== 1) throw new Error(fit.length + " elements fit " + selector + " " + text);
	return fit[0];
})`

func element(selector string, text ...string) string {
	return fmt.Sprintf("%s(%s, %s)", found, quote(selector), quote(strings.Join(text, " ")))
}

// click presses the mouse on the one element of a selector that has a text.
func (b *tab) click(selector string, text ...string) {
	b.t.Helper()
	b.presses++
	at := b.place(selector, text...)
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y, Button: input.MouseButtonLeft, ClickCount: 1})
	}
}

type point struct{ X, Y float64 }

// place scrolls an element into view and returns a point of it that a mouse can reach.
func (b *tab) place(selector string, text ...string) point {
	b.t.Helper()
	return eval[point](b, fmt.Sprintf(`(() => {
		const el = %s;
		el.scrollIntoView({ block: "center", behavior: "instant" });
		const r = el.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2, hit = document.elementFromPoint(x, y);
		if (!hit || !(el.contains(hit) || hit.contains(el) || hit.control === el)) throw new Error("covered by " + (hit && hit.outerHTML.slice(0, 100)));
		return { X: x, Y: y };
	})()`, element(selector, text...)))
}

// follow clicks and waits for the page that this leads to.
func (b *tab) follow(selector string, text ...string) {
	b.t.Helper()
	b.away(func() { b.click(selector, text...) })
}

// fill types into a field that may have something in it.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("(() => { const el = %s; el.focus(); el.select(); return true; })()", element(selector)))
	call(b, input.InsertText, input.InsertTextParams{Text: text})
}

// at checks which page is open, by its path and its heading.
func (b *tab) at(path, heading string) {
	b.t.Helper()
	got := eval[struct{ Path, Heading, Title string }](b, `({
		path: location.pathname, title: document.title,
		heading: ([...document.querySelectorAll("h1")].find((h) => h.checkVisibility()) ?? document.body).innerText.trim(),
	})`)
	if want := path; !pathFits(want, got.Path) || got.Heading != heading {
		b.t.Fatalf("page: want %s %q, got %s %q\n%s", want, heading, got.Path, got.Heading, b.where())
	}
}

// pathFits compares a path with one in which * stands for an id.
func pathFits(want, got string) bool {
	w, g := strings.Split(want, "/"), strings.Split(got, "/")
	return slices.EqualFunc(w, g, func(w, g string) bool { return w == g || w == "*" && g != "" })
}

// text returns the text of the one visible element of a selector.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, element(selector)+`.innerText.replace(/\s+/g, " ").trim()`)
}

// texts returns the texts of all visible elements of a selector.
func (b *tab) texts(selector string) []string {
	b.t.Helper()
	return eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll(%s)].filter((el) => el.checkVisibility()).map((el) => el.innerText.replace(/\s+/g, " ").trim())`, quote(selector)))
}

// has checks that the text of an element contains words.
func (b *tab) has(selector, words string) {
	b.t.Helper()
	if got := b.text(selector); !strings.Contains(got, words) {
		b.t.Errorf("%s: want it to contain %q, got %q", selector, words, got)
	}
}

// is checks the text of an element.
func (b *tab) is(selector, want string) {
	b.t.Helper()
	if got := b.text(selector); got != want {
		b.t.Errorf("%s: want %q, got %q", selector, want, got)
	}
}

// focused checks that the element of a selector has the focus.
func (b *tab) focused(selector string) {
	b.t.Helper()
	got := eval[string](b, `document.activeElement.outerHTML.slice(0, 200)`)
	if !eval[bool](b, fmt.Sprintf("document.activeElement.matches(%s)", quote(selector))) {
		b.t.Errorf("focus: want %s, got %s", selector, got)
	}
}

// picture writes what the window shows into a PNG file.
func (b *tab) picture(file string) {
	b.t.Helper()
	shot := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
