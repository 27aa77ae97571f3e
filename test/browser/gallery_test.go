package browser

import (
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"

	"staffkey/internal/portal/ui"
	"staffkey/internal/portal/ui/gallery"
)

// galleryServer serves every state of every page under its name, with the headers that the running program sends.
func galleryServer(t *testing.T) *httptest.Server {
	t.Helper()
	headers := productHeaders(t)
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", pages.Static())
	mux.HandleFunc("GET "+gallery.Picture, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		if err := png.Encode(w, image.NewGray(image.Rect(0, 0, 40, 40))); err != nil {
			t.Error(err)
		}
	})
	for _, s := range gallery.Gallery() {
		mux.HandleFunc("GET /"+s.Name, func(w http.ResponseWriter, r *http.Request) {
			for name, values := range headers {
				w.Header()[name] = values
			}
			frame := s.Frame
			if lang := r.FormValue("lang"); lang != "" {
				frame.Lang = lang
			}
			if err := pages.Render(w, http.StatusOK, frame, s.Page); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	mux.HandleFunc("GET /inline", func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range headers {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>inline</title><h1>inline</h1><script>document.title = "ran"</script>`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// productHeaders asks the running program which headers it protects its pages with.
func productHeaders(t *testing.T) http.Header {
	t.Helper()
	answer, err := http.Get(demo(t).url + "/signin")
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	headers := http.Header{}
	for _, name := range []string{"Content-Security-Policy", "Permissions-Policy", "Referrer-Policy", "X-Content-Type-Options", "Cross-Origin-Opener-Policy"} {
		value := answer.Header.Get(name)
		if value == "" {
			t.Fatalf("the program sends no %s", name)
		}
		headers.Set(name, value)
	}
	return headers
}

func TestViolations_are_noticed(t *testing.T) {
	t.Parallel()
	b := open(t, galleryServer(t).URL)
	b.goTo("/inline")
	b.wait("the console", "true")
	if faults := strings.Join(b.takeFaults(), "\n"); !strings.Contains(faults, "Content Security Policy") {
		t.Errorf("console after a page with an inline script: want a violation of the policy, got %q", faults)
	}
	if title := eval[string](b, "document.title"); title != "inline" {
		t.Errorf("title: the inline script ran: %q", title)
	}
}

// Every state of every page passes the inspection of a page, with nothing on the console. In Welsh, whose words are longer, it fits as
// well.
func TestGallery(t *testing.T) {
	t.Parallel()
	server := galleryServer(t)
	states := gallery.Gallery()
	const tabs = 2 // as many as there are processors on a small machine
	for first := range tabs {
		t.Run(fmt.Sprintf("tab %d", first+1), func(t *testing.T) {
			t.Parallel()
			b := open(t, server.URL)
			b.loadAxe()
			for i := first; i < len(states); i += tabs {
				b.goTo("/" + states[i].Name)
				b.inspect()
				b.turnWelsh()
				b.fits()
				b.keep()
				for _, fault := range b.takeFaults() {
					t.Errorf("%s: the browser's console: %s", states[i].Name, fault)
				}
			}
		})
	}
}

// turnWelsh puts the Welsh page in the place of the page that is open, which is faster than to load it and looks the same.
func (b *tab) turnWelsh() {
	b.t.Helper()
	eval[bool](b, `(async () => {
		const page = await (await fetch("?lang=cy")).text();
		const html = trustedTypes.createPolicy("test", { createHTML: (s) => s }).createHTML(page);
		const welsh = new DOMParser().parseFromString(html, "text/html");
		document.title = welsh.title;
		document.documentElement.lang = welsh.documentElement.lang;
		document.body.replaceWith(document.adoptNode(welsh.body));
		return true;
	})()`)
}

func TestForced_colours_and_paper(t *testing.T) {
	t.Parallel()
	b := open(t, galleryServer(t).URL)
	for _, name := range []string{"signin", "key", "tokens", "remove", "recovery-codes-fresh"} {
		b.prefer("light", "forced-colors", "active")
		b.goTo("/" + name)
		// Every control still has an edge or is underlined, though all backgrounds are the system's.
		bare := eval[[]string](b, `[...document.querySelectorAll("main button, main input:not([type=hidden])")].filter((el) => el.checkVisibility()).filter((el) => {
			const s = getComputedStyle(el), edge = (e) => { const c = getComputedStyle(e); return c.borderTopStyle !== "none" && parseFloat(c.borderTopWidth) > 0; };
			const list = el.closest("ul"); // rows of a list share its edge
			return !edge(el) && !edge(el.parentElement) && !(list && edge(list)) && !s.textDecorationLine.includes("underline");
		}).map((el) => el.outerHTML.slice(0, 120))`)
		for _, el := range bare {
			b.t.Errorf("%s with forced colours: no edge and no underline: %s", name, el)
		}
		b.prefer("light")
		printed := call(b, page.PrintToPDF, page.PrintToPDFParams{})
		if !strings.HasPrefix(string(printed.Data), "%PDF-") || len(printed.Data) < 3000 {
			t.Errorf("%s on paper: want a PDF, got %d bytes", name, len(printed.Data))
		}
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		if controls := b.texts("header nav, footer form, main .button"); name == "recovery-codes-fresh" && len(controls) > 0 {
			t.Errorf("%s on paper: want no controls, got %q", name, controls)
		}
		b.prefer("light")
	}
}

// Somebody who copies a code from paper sees all of it, on the narrowest screen as well.
func TestCodes_fit_their_fields(t *testing.T) {
	t.Parallel()
	b := open(t, galleryServer(t).URL)
	for _, width := range []int64{320, 360, 1200} {
		b.window(width, 640)
		for page, code := range map[string]string{
			"code": "w8r9-r4tc-4fse-3w8v", "code-used": "w8r9-r4tc-4fse-3w8v", "pass-empty": "4729-6613-KDMR", "code-app": "274 911",
		} {
			b.goTo("/" + page)
			b.fill("#code", code)
			if cut := eval[int](b, `document.querySelector("#code").scrollWidth - document.querySelector("#code").clientWidth`); cut > 0 {
				t.Errorf("%s at %d pixels: %d of the code do not fit", page, width, cut)
			}
			b.fits()
		}
	}
}
