package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
)

// internetExplorer is the User-Agent of the last Internet Explorer.
const internetExplorer = "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"

func TestUnsupported_browsers(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for name, agent := range map[string]string{
		"Internet Explorer": internetExplorer,
		"old Edge":          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.102 Safari/537.36 Edge/18.19582",
		"view in an app":    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile Safari/537.36 Mozilla; wv)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, p.url)
			call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent})
			b.goTo("/signin")
			if path := eval[string](b, "location.pathname"); path != "/unsupported" {
				t.Fatalf("path: want /unsupported, got %s", path)
			}
			if n := eval[int](b, "document.scripts.length + document.styleSheets.length"); n != 0 {
				t.Errorf("scripts and style sheets: want none, got %d", n)
			}
			b.inspect()
			b.follow("a[href*=anyway]")
			b.at("/signin", "Sign in")
		})
	}
}

func TestColours_are_a_choice(t *testing.T) {
	t.Parallel()
	b := open(t, demo(t).url)
	b.goTo("/signin")
	background := func() string { return eval[string](b, "getComputedStyle(document.body).backgroundColor") }
	light := background()
	b.follow("#theme-form button", "Dark")
	b.at("/signin", "Sign in")
	dark := background()
	if dark == light {
		t.Errorf("background after Dark: want another than %s", light)
	}
	b.axe("dark by choice", "rule", "color-contrast", "link-in-text-block")
	b.reload()
	if got := background(); got != dark {
		t.Errorf("background after reload: want %s, got %s", dark, got)
	}
	b.prefer("dark")
	b.follow("#theme-form button", "Light")
	if got := background(); got != light {
		t.Errorf("background after Light on a dark system: want %s, got %s", light, got)
	}
	b.follow("#theme-form button", "System")
	if got := background(); got != dark {
		t.Errorf("background after System on a dark system: want %s, got %s", dark, got)
	}
}

// A ward computer on a slow line: the first visit is three requests and at most 25 KB (ux.md §6.3).
func TestSign_in_page_is_small(t *testing.T) {
	t.Parallel()
	b := open(t, demo(t).url)
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	b.goTo("/signin")
	b.wait("all answers", `performance.getEntriesByType("resource").every((r) => r.responseEnd > 0)`)
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum float64
	var urls []string
	for _, answer := range b.bytes {
		if strings.HasSuffix(answer.url, ".svg") {
			continue // the icon of the tab is fetched beside the page, after it
		}
		sum += answer.length
		urls = append(urls, answer.url)
	}
	if len(urls) != 3 || sum > 25_000 || sum < 1_000 {
		t.Errorf("sign-in page: want 3 requests and at most 25,000 bytes, got %.0f bytes of %q", sum, urls)
	}
	t.Logf("sign-in page: %.0f bytes on the wire", sum)
}

// A nurse who was sent to sign in comes back to the page that was asked for; two tabs do not disturb each other.
func TestSign_in_leads_back(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()

	b.goTo("/me/sessions")
	b.at("/signin", "Sign in")
	b.give(b.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.reload()
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.back()
	b.at("/signin", "Sign in")
	b.goTo("/signin/key")

	second := b.another()
	second.goTo("/signin/key")
	second.at("/signin/key", "Sign in using a FIDO2 security key")
	b.follow("#key-form button", "Lanyard")
	b.at("/me/sessions", "Where you are signed in")
	second.reload()
	if path := eval[string](second, "location.pathname"); path != "/me" && path != "/signin" && path != "/signin/key" {
		t.Errorf("the other tab: want a page of the sign-in or Home, got %s", path)
	}
	second.goTo("/me")
	second.at("/me", "Home")

	b.signOut()
	b.back()
	if path := eval[string](b, "location.pathname"); path != "/signin" {
		t.Errorf("Back after sign-out: want /signin, got %s", path)
	}
	b.goTo("/signin")
	b.password(b.account)
	b.follow("button", "Not you?")
	b.at("/signin", "Sign in")
	b.goTo("/signin/key")
	b.at("/signin", "Sign in")

	b.away(func() {
		b.fill("#username", b.account.Username)
		b.fill("#password", b.account.Password)
		b.doubleClick("#signin-form button[name=signin]")
	})
	b.at("/signin/key", "Sign in using a FIDO2 security key")
}
