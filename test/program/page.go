package program

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Page is an answer of the server, read as a browser reads it.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
	// Root is the document; nil when the answer is no HTML.
	Root *html.Node
}

// Form is a form of a page.
type Form struct {
	ID, Method, Action string
	// Fields are the values that the page has put in; buttons are apart.
	Fields  url.Values
	Buttons []Button
	// Ceremony is set when the form starts a WebAuthn ceremony.
	Ceremony *Ceremony
}

// Button is a button that sends its form.
type Button struct {
	Name, Value string
	// Credential is the credential id in base64url that the button's token stands for, and Nickname the token's name; "" on others.
	Credential, Nickname string
}

// Ceremony is what the page's script gets to know about a ceremony.
type Ceremony struct {
	Kind                     string // "get" or "create"
	Options                  string // JSON for navigator.credentials
	Sealed                   string
	Action, Outcome, Refresh string
}

// Text returns the text of the page, with single spaces.
func (p *Page) Text() string { return textOf(p.Root) }

// Heading returns the text of the first h1, by which people tell pages apart.
func (p *Page) Heading() string {
	for n := range p.elements("h1") {
		return textOf(n)
	}
	return ""
}

// Form returns the form with that id.
func (p *Page) Form(id string) (*Form, bool) {
	for n := range p.elements("form") {
		if attribute(n, "id") == id {
			return readForm(n), true
		}
	}
	return nil, false
}

// Links lists where the page leads to, in its order.
func (p *Page) Links() []string {
	var links []string
	for n := range p.elements("a") {
		links = append(links, attribute(n, "href"))
	}
	return links
}

// elements yields the elements of a name in the order of the document, without those in templates, which a browser does not show.
func (p *Page) elements(name string) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		if p.Root == nil {
			return
		}
		for n := range p.Root.Descendants() {
			if n.Type == html.ElementNode && n.Data == name && !slices.ContainsFunc(slices.Collect(n.Ancestors()), isTemplate) && !yield(n) {
				return
			}
		}
	}
}

func isTemplate(n *html.Node) bool { return n.Type == html.ElementNode && n.Data == "template" }

func readForm(form *html.Node) *Form {
	f := &Form{ID: attribute(form, "id"), Method: attribute(form, "method"), Action: attribute(form, "action"), Fields: url.Values{}}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		name := attribute(n, "name")
		switch {
		case n.Data == "button" && attribute(n, "type") != "button":
			f.Buttons = append(f.Buttons, Button{name, attribute(n, "value"), attribute(n, "data-credential"), attribute(n, "data-nickname")})
		case n.Data == "input" && name != "":
			f.Fields.Add(name, attribute(n, "value"))
		case n.Data == "textarea" && name != "":
			f.Fields.Add(name, textOf(n))
		}
	}
	if kind := attribute(form, "data-ceremony"); kind != "" {
		f.Ceremony = &Ceremony{
			Kind: kind, Options: attribute(form, "data-options"), Sealed: f.Fields.Get("ceremony"), Action: f.Action,
			Outcome: attribute(form, "data-outcome"), Refresh: attribute(form, "data-refresh"),
		}
	}
	return f
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
