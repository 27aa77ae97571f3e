package browser

import (
	_ "embed"
	"fmt"
)

// axeSource is axe-core 4.14.1, unchanged. Its licence is the Mozilla Public License 2.0: testdata/axe.LICENSE.txt.
//
//go:embed testdata/axe.min.js
var axeSource string

// axe checks the page that is open, as it is, against the rules of WCAG 2.2 AA and best practice: all of them in light
// colours, and those about colour in dark ones as well.
func (b *tab) axe() {
	b.t.Helper()
	b.axeIn("light", "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
	b.prefer("dark")
	b.axeIn("dark", "cat.color")
	b.prefer("light")
}

func (b *tab) axeIn(colours string, tags ...string) {
	b.t.Helper()
	if !eval[bool](b, "!!window.axe") {
		eval[bool](b, axeSource+"; !!window.axe")
	}
	violations := eval[[]string](b, fmt.Sprintf(`axe.run(document, { runOnly: { type: "tag", values: %s }, resultTypes: ["violations"] }).then((r) =>
		r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.failureSummary.replace(/\s+/g, " ") + " " + n.html)))`, quote(tags)))
	for _, v := range violations {
		b.t.Errorf("axe on %s, %s: %s", eval[string](b, "location.pathname + ' ' + document.title"), colours, v)
	}
}
