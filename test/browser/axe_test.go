package browser

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/chromedp/cdproto/page"
)

// axeSource is axe-core 4.14.1, unchanged. Its licence is the Mozilla Public License 2.0: testdata/axe.LICENSE.txt.
//
//go:embed testdata/axe.min.js
var axeSource string

// inspect checks the page that is open, as it is: against the rules of WCAG 2.2 AA and best practice, all of them in
// light colours and those about colour in dark ones as well, and for sideways scroll on a phone and at 400 % zoom, which is
// 320 pixels wide.
func (b *tab) inspect() {
	b.t.Helper()
	b.axe("light", "tag", "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
	b.prefer("dark")
	b.axe("dark", "rule", "color-contrast", "link-in-text-block")
	b.prefer("light")
	b.fits()
	b.keep()
}

// fits checks that the page does not scroll sideways on a phone, nor at 400 % zoom.
func (b *tab) fits() {
	b.t.Helper()
	for _, width := range []int64{360, 320} {
		b.window(width, 740)
		wide := eval[[]string](b, fmt.Sprintf(`document.documentElement.scrollWidth <= %d ? [] :
			[...document.querySelectorAll("body *")].filter((el) => el.getBoundingClientRect().right > %[1]d + .5).slice(-3).map((el) => el.outerHTML.slice(0, 120))`, width))
		if len(wide) > 0 {
			b.t.Errorf("%s scrolls sideways at %d pixels, because of %s", eval[string](b, "location.pathname"), width, strings.Join(wide, " and "))
		}
	}
	b.window(1200, 900)
}

// keep keeps pictures of the page for people to look at, where SCREENSHOTS names a folder: light, dark and on a phone.
func (b *tab) keep() {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	b.kept++
	name := fmt.Sprintf("%s-%02d-%s", b.t.Name(), b.kept, eval[string](b, "location.pathname"))
	file := filepath.Join(dir, regexp.MustCompile(`[^\w.]+`).ReplaceAllString(name, "-"))
	b.picture(file + ".png")
	b.prefer("dark")
	b.picture(file + "-dark.png")
	b.prefer("light")
	b.window(360, 1400)
	b.picture(file + "-360.png")
	b.window(1200, 900)
}

// axe checks some of its rules: those with a tag (kind "tag") or those of a name (kind "rule").
func (b *tab) axe(colours, kind string, rules ...string) {
	b.t.Helper()
	if !eval[bool](b, "!!window.axe") {
		eval[bool](b, axeSource+"; !!window.axe")
	}
	violations := eval[[]string](b, fmt.Sprintf(`axe.run(document, { runOnly: { type: %q, values: %s }, resultTypes: ["violations"], preload: false }).then((r) =>
		r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.failureSummary.replace(/\s+/g, " ") + " " + n.html)))`, kind, quote(rules)))
	for _, v := range violations {
		b.t.Errorf("axe on %s, %s: %s", eval[string](b, "location.pathname + ' ' + document.title"), colours, v)
	}
}

// loadAxe makes every page of the tab from now on come with axe, which is faster than to bring it to each.
func (b *tab) loadAxe() {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: axeSource})
}
