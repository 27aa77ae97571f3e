package ui

import (
	"bytes"
	"html"
	"html/template"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A person changes the language by a button, which sends the address of the page and
// what has been typed on it to POST /language. That keeps it for the next page, which
// is filled by its frame (Frame.Typed). Of a page that answers a POST, what it shows as
// typed is in the form already; of any other, the script adds what was typed since.
//
// Neither end asks the pages for it. What was typed is read from, and put into, the
// finished page: a field that holds a secret is one whose value no page ever sends
// back, so it has no value attribute, and is never kept. A button that submits the
// page's own form could keep more, but would send passwords and codes along.

// languageName is a language and its name in itself.
type languageName struct{ Tag, Name string }

// Languages lists the tags of all languages, the default one first.
func (u *UI) Languages() []string {
	return u.locale(DefaultLanguage).catalogue.Languages()
}

// Others are the languages that a person can change to.
func (v *view) Others() []languageName { return v.others }

// MayChange reports whether the page can be shown again in another language. One
// that answers a POST and is neither a form with errors nor a refusal may hold what
// is shown once, such as recovery codes.
func (v *view) MayChange() bool {
	_, refused := v.P.(ErrorPage)
	return !v.F.Posted || refused || len(v.Errors) > 0
}

// queryField is one name and value of an address.
type queryField struct{ Name, Value string }

// QueryFields are those of the page's address, for the language form to carry.
func (v *view) QueryFields() []queryField {
	query, _ := url.ParseQuery(v.F.Query) // what cannot be read of it names no page either
	var fields []queryField
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			fields = append(fields, queryField{PrefixQuery + name, value})
		}
	}
	return fields
}

// markTyped stands in the language form for the fields to carry. No text of a person
// turns into a comment on a page.
const markTyped = "<!--typed-->"

// TypedMark is the place of the fields to carry.
func (*view) TypedMark() template.HTML { return markTyped }

// Names of the fields of the language form.
const (
	// PrefixTyped is put before the name of a field that a person typed in.
	PrefixTyped = "typed-"
	// PrefixQuery is put before a name in the query of the page's address, and
	// before that of a hidden field, which such an address first had.
	PrefixQuery = "query-"
)

var (
	// forms and inputs match elements that our templates wrote: html/template
	// leaves no > inside the quotes of an attribute.
	forms   = regexp.MustCompile(`(?s)<form [^>]*>.*?</form>`)
	inputs  = regexp.MustCompile(`<input [^>]*>`)
	selects = regexp.MustCompile(`(?s)<select [^>]*>.*?</select>`)
	options = regexp.MustCompile(`<option [^>]*>`)
	// attribute matches name="value" and a name alone.
	attribute = regexp.MustCompile(` ([a-z-]+)(?:="([^"]*)")?`)
)

// input is one <input>, with values as they are in the source of the page.
type input map[string]string

// head is the opening tag of an element.
func head(element []byte) []byte {
	tag, _, _ := bytes.Cut(element, []byte(">"))
	return tag
}

func has(in input, name string) bool { _, ok := in[name]; return ok }

func inputOf(tag []byte) input {
	in := make(input)
	for _, m := range attribute.FindAllSubmatch(tag, -1) {
		in[string(m[1])] = string(m[2])
	}
	return in
}

// typed reports whether a person types in or picks this field, and the page shows
// what.
func (in input) typed() bool {
	_, shown := in["value"]
	_, hidden := in["hidden"]
	return shown && !hidden && in["name"] != "" && slices.Contains([]string{"text", "email", "tel", "radio", "checkbox"}, in["type"])
}

// picked reports whether the field is one of those of which a person chooses.
func (in input) picked() bool { return in["type"] == "radio" || in["type"] == "checkbox" }

// carryTyped gives the language form of a finished page what its form shows as
// typed, or fills the form with what the frame brought along.
func carryTyped(page *bytes.Buffer, f *Frame) {
	if !f.Posted && len(f.Typed) == 0 {
		return
	}
	body := page.Bytes()
	if f.Posted {
		body = bytes.Replace(body, []byte(markTyped), carried(body, f.Path), 1)
	}
	if len(f.Typed) > 0 {
		body = inputs.ReplaceAllFunc(body, f.refill)
		body = selects.ReplaceAllFunc(body, f.choose)
	}
	page.Reset()
	page.Write(body)
}

// carried returns hidden fields with all that the form for path shows.
func carried(page []byte, path string) []byte {
	action := []byte(` action="` + html.EscapeString(path) + `"`)
	var b bytes.Buffer
	for _, form := range forms.FindAll(page, -1) {
		if !bytes.Contains(head(form), action) {
			continue
		}
		for _, tag := range inputs.FindAll(form, -1) {
			in := inputOf(tag)
			_, checked := in["checked"]
			prefix := PrefixTyped
			switch {
			case in["type"] == "hidden" && in["name"] != "ceremony":
				prefix = PrefixQuery
			case !in.typed(), in.picked() && !checked:
				continue
			}
			b.WriteString(`<input type="hidden" name="` + prefix + in["name"] + `" value="` + in["value"] + `">`)
		}
		for _, list := range selects.FindAll(form, -1) {
			for _, tag := range options.FindAll(list, -1) {
				if in := inputOf(tag); has(in, "selected") {
					b.WriteString(`<input type="hidden" name="` + PrefixTyped + inputOf(head(list))["name"] + `" value="` + in["value"] + `">`)
				}
			}
		}
	}
	return b.Bytes()
}

// refill returns an <input> with what was typed in it before.
func (f *Frame) refill(tag []byte) []byte {
	in := inputOf(tag)
	values, ok := f.Typed[html.UnescapeString(in["name"])]
	if !ok || !in.typed() || len(values) == 0 {
		return tag
	}
	if !in.picked() {
		in["value"] = html.EscapeString(values[0])
	} else if delete(in, "checked"); slices.Contains(values, html.UnescapeString(in["value"])) {
		in["checked"] = ""
	}
	return in.tag("input")
}

// choose returns a <select> with what was chosen in it before, where it still offers that.
func (f *Frame) choose(list []byte) []byte {
	values, ok := f.Typed[html.UnescapeString(inputOf(head(list))["name"])]
	offered := ok && len(values) > 0 && slices.ContainsFunc(options.FindAll(list, -1), func(tag []byte) bool {
		return html.UnescapeString(inputOf(tag)["value"]) == values[0]
	})
	if !offered {
		return list
	}
	return options.ReplaceAllFunc(list, func(tag []byte) []byte {
		in := inputOf(tag)
		if delete(in, "selected"); html.UnescapeString(in["value"]) == values[0] {
			in["selected"] = ""
		}
		return in.tag("option")
	})
}

// tag writes an element with its attributes.
func (in input) tag(element string) []byte {
	var b strings.Builder
	b.WriteString("<" + element)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		b.WriteString(" " + name)
		if in[name] != "" || name == "value" {
			b.WriteString(`="` + in[name] + `"`)
		}
	}
	b.WriteString(">")
	return []byte(b.String())
}
