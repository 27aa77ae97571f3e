package browser

import (
	"regexp"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// onPaper shows the page as it is printed.
func (b *tab) onPaper() {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
}

// pageObject is a page in the source of a PDF file (ISO 32000-2 §7.7.3.3), and not the tree of pages.
var pageObject = regexp.MustCompile(`/Type\s*/Page\b`)

// sheets prints the page and returns how many sheets of paper it takes.
func (b *tab) sheets() int {
	b.t.Helper()
	printed := call(b, page.PrintToPDF, page.PrintToPDFParams{})
	if len(printed.Data) < 3000 || string(printed.Data[:5]) != "%PDF-" {
		b.t.Fatalf("print: want a PDF, got %d bytes", len(printed.Data))
	}
	return len(pageObject.FindAll(printed.Data, -1))
}
