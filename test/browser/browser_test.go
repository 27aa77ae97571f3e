// Package browser tests the built program as people meet it: in a real Chromium, by real mouse and key events, with
// virtual security keys that the browser itself provides (WebDriver section of WebAuthn Level 3, §11). Main flows run on
// both database engines, the rest on SQLite. Every test fails on a violation of the content security policy and on
// anything that the browser's console reports.
//
// Without Chromium the tests are skipped; with STAFFKEY_BROWSER=required that is a failure. With UPDATE_SCREENSHOTS=1 the
// pictures of docs/images are made anew.
package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"staffkey/test/program"
)

// atOnce is how many tests run side by side for each processor, where -parallel does not say: most of the time a test waits, for its
// browser, for a message or for a countdown.
const atOnce = 3

func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce*runtime.GOMAXPROCS(0))); err != nil {
			panic(err) // the flag of every test
		}
	}
	code := m.Run()
	if err := errors.Join(stopShared(), program.Clean()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// shared is what all tests of a run have in common, and what ends it: one Chromium and one demo on SQLite.
var shared struct {
	mu    sync.Mutex
	stops []func() error
}

// atEnd calls stop when all tests have run.
func atEnd(stop func() error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.stops = append(shared.stops, stop)
}

func stopShared() error {
	var errs []error
	for _, stop := range slices.Backward(shared.stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

// findChromium returns the path of the browser, or "".
func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// startChromium starts the browser that all tests share. It has a new profile, which goes when it stops.
var startChromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findChromium()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"),
		// The list of the address bar is a page of its own in each window, which nobody sees here and which takes a third of the time.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,WebUIOmniboxPopup,WebUIOmniboxAimPopup"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	atEnd(func() error { stop(); return nil })
	ctx, closeBrowser := chromedp.NewContext(allocator)
	atEnd(func() error { closeBrowser(); return nil })
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	return ctx, nil
})

// chromium returns the shared browser, or skips the test where there is none.
func chromium(t testing.TB) context.Context {
	t.Helper()
	if findChromium() == "" {
		if os.Getenv("STAFFKEY_BROWSER") == "required" {
			t.Fatal("STAFFKEY_BROWSER=required, but there is no Chromium in PATH")
		}
		t.Skip("no Chromium in PATH")
	}
	ctx, err := startChromium()
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}
