package ui

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
)

// All pages in all languages are one set of templates. A part is read, escaped and kept once, however many pages show it; a
// page has templates of its own only for what it defines, and for those of the layout that lead there. A message is a mark
// in the text of a template, and which language it is in is decided where the page is written ([texted]). A set for each
// page and language, with all parts, took 34 MB.

// markMessage stands on both sides of the id of a message in the text of a template. Nothing else on a page holds this
// character: html/template turns it into U+FFFD in every value.
const markMessage = "\x00"

// templates are those of all pages, by the name of the page, and of the plain page.
type templates struct {
	pages       map[string]*template.Template
	unsupported *template.Template
}

// texted writes a page with its messages in place of their marks. A mark never crosses two writes: a template writes
// its text in whole pieces.
type texted struct {
	page  *bytes.Buffer
	words map[string]string
}

// Write never fails.
func (t texted) Write(b []byte) (int, error) {
	rest := b
	for {
		text, marked, found := bytes.Cut(rest, []byte(markMessage))
		t.page.Write(text)
		if !found {
			return len(b), nil
		}
		var id []byte
		id, rest, _ = bytes.Cut(marked, []byte(markMessage))
		t.page.WriteString(t.words[string(id)])
	}
}

// functions are those that pages and parts may call.
var functions = template.FuncMap{"join": join, "otpauth": otpauthLink, "qrBox": qrBox, "qrPath": qrPath}

// source reads templates and fills in what never changes after start.
type source struct {
	static    *staticFiles
	languages map[string]*locale
}

// parseTemplates reads the layout, the parts and all pages.
func parseTemplates(static *staticFiles, languages map[string]*locale) (*templates, error) {
	s := source{static, languages}
	t := &templates{pages: make(map[string]*template.Template)}
	set := template.New("pages").Funcs(functions).Option("missingkey=error")
	for _, dir := range []string{"layout", "parts"} {
		if err := s.parseDir(set, dir); err != nil {
			return nil, err
		}
	}
	shared := trees(set)
	// The page is parsed beside the set, where its names cannot meet those of other pages.
	err := fs.WalkDir(templateFiles, "pages", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		page := template.New(name).Funcs(functions)
		if err := s.parseFile(page, name); err != nil {
			return err
		}
		key := strings.TrimSuffix(strings.TrimPrefix(name, "pages/"), ".html")
		if t.pages[key], err = addPage(set, shared, key, trees(page)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.unsupported = template.New("unsupported.html").Funcs(template.FuncMap{"edge": edgeLink}).Option("missingkey=error")
	return t, s.parseFile(t.unsupported, "unsupported.html")
}

// trees are the templates that files parsed into t define, by name.
func trees(t *template.Template) map[string]*parse.Tree {
	all := make(map[string]*parse.Tree)
	for _, defined := range t.Templates() {
		if defined.Name() != t.Name() { // what stands between the definitions of a file is shown nowhere
			all[defined.Name()] = defined.Tree
		}
	}
	return all
}

// addPage adds the templates of a page to the set, each under a name that only this page has, and returns its layout. own are
// those that the page defines. Of the shared ones, those that lead to one of them are the page's as well, as copies.
func addPage(set *template.Template, shared map[string]*parse.Tree, page string, own map[string]*parse.Tree) (*template.Template, error) {
	for grown := true; grown; {
		grown = false
		for name, tree := range shared {
			leads := slices.ContainsFunc(calls(tree.Root), func(c *parse.TemplateNode) bool { return own[c.Name] != nil })
			if own[name] == nil && leads {
				own[name], grown = tree.Copy(), true
			}
		}
	}
	for name, tree := range own {
		for _, c := range calls(tree.Root) {
			switch {
			case own[c.Name] != nil:
				c.Name = ofPage(page, c.Name)
			case shared[c.Name] == nil:
				return nil, fmt.Errorf("no template %q", c.Name)
			}
		}
		if _, err := set.AddParseTree(ofPage(page, name), tree); err != nil {
			return nil, err
		}
	}
	layout := set.Lookup(ofPage(page, "layout"))
	if layout == nil {
		return nil, errors.New("defines nothing that the layout shows")
	}
	return layout, nil
}

// ofPage is the name of a page's own template in the set.
func ofPage(page, name string) string { return page + ":" + name }

// calls lists the {{template}} actions below a node.
func calls(n parse.Node) []*parse.TemplateNode {
	var all []*parse.TemplateNode
	branch := func(b *parse.BranchNode) {
		all = append(all, calls(b.List)...)
		if b.ElseList != nil {
			all = append(all, calls(b.ElseList)...)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			all = append(all, calls(child)...)
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.TemplateNode:
		all = append(all, n)
	}
	return all
}

func (s source) parseDir(t *template.Template, dir string) error {
	names, err := fs.Glob(templateFiles, dir+"/*.html")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.parseFile(t, name); err != nil {
			return err
		}
	}
	return nil
}

func (s source) parseFile(t *template.Template, name string) error {
	text, err := fs.ReadFile(templateFiles, name)
	if err != nil {
		return err
	}
	filled, err := s.fill(string(text))
	if err == nil {
		_, err = t.Parse(filled)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

var (
	// constant matches what never changes after start: {{msg "id"}} for a
	// message without placeholders, {{asset "app.css"}} for a static file.
	constant = regexp.MustCompile(`\{\{(msg|asset) "([^"]+)"\}\}`)
	// indent matches line breaks and the white space around them, which the
	// browser would read as one space.
	indent = regexp.MustCompile(`[ \t]*\n\s*`)
)

// fill puts the addresses of static files and the marks of messages into the source of a template, and takes the indentation
// out. Every message must be there in every language.
func (s source) fill(text string) (string, error) {
	var missing error
	text = constant.ReplaceAllStringFunc(text, func(action string) string {
		m := constant.FindStringSubmatch(action)
		kind, name := m[1], m[2]
		if kind == "asset" {
			path, ok := s.static.paths[name]
			if !ok {
				missing = fmt.Errorf("no asset %q", name)
			}
			return template.HTMLEscapeString(path)
		}
		for tag, l := range s.languages {
			if _, ok := l.words[name]; !ok {
				missing = fmt.Errorf("no message %q without placeholders in %s", name, tag)
			}
		}
		return markMessage + name + markMessage
	})
	return indent.ReplaceAllString(text, "\n"), missing
}
