package mds

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/jpeg"
	"strings"
	"testing"

	"staffkey/internal/signin/securitykey/mds/mdstest"
)

func TestEntry_Icon(t *testing.T) {
	t.Parallel()
	png := mdstest.PNG(t)
	var photograph bytes.Buffer
	if err := jpeg.Encode(&photograph, image.NewGray(image.Rect(0, 0, 3, 3)), nil); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(png)
	copy(huge[16:24], []byte{0, 0, 0xff, 0, 0, 0, 0xff, 0}) // the size in its header
	const circle = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>`
	b64 := base64.StdEncoding.EncodeToString
	for name, test := range map[string]struct {
		icon      any
		mediaType string
	}{
		"PNG":                       {"data:image/png;base64," + b64(png), "image/png"},
		"not filled up":             {"data:image/png;base64," + strings.TrimRight(b64(png), "="), "image/png"},
		"with line breaks":          {"data:image/png;base64,\n " + b64(png)[:20] + "\r\n" + b64(png)[20:], "image/png"},
		"JPEG":                      {"data:image/jpeg;base64," + b64(photograph.Bytes()), "image/jpeg"},
		"JPEG called PNG":           {"data:image/png;base64," + b64(photograph.Bytes()), "image/jpeg"},
		"SVG":                       {"data:image/svg+xml;base64," + b64([]byte(circle)), "image/svg+xml"},
		"SVG with a script":         {"data:image/svg+xml;base64," + b64([]byte(strings.Replace(circle, "<circle", "<script/><circle", 1))), ""},
		"SVG called PNG":            {"data:image/png;base64," + b64([]byte(circle)), ""},
		"none":                      {nil, ""},
		"address":                   {"https://example.org/icon.png", ""},
		"page":                      {"data:text/html;base64," + b64(png), ""},
		"no base64":                 {"data:image/png;base64,!", ""},
		"number":                    {7, ""},
		"a PNG's beginning only":    {"data:image/png;base64,iVBORw0KGgo=", ""},
		"larger than a screen":      {"data:image/png;base64," + b64(huge), ""},
		"more bytes than there are": {"data:image/png;base64,iVBORw0KGgo" + strings.Repeat("A", 2*MaxIcon), ""},
	} {
		e, ok := payload(t, mdstest.Model{AAGUID: aaguidA, Statement: map[string]any{"icon": test.icon}}).Find(aaguidA)
		if !ok {
			t.Fatalf("%s: the entry is not found", name)
		}
		picture, mediaType, ok := e.Icon()
		if ok != (test.mediaType != "") || ok && (mediaType != test.mediaType || len(picture) == 0) {
			t.Errorf("%s: got %q of %d bytes, want %q", name, mediaType, len(picture), test.mediaType)
		}
	}
}

// What draws is taken over, and nothing else is: a picture that wants anything else is none.
func TestDrawing(t *testing.T) {
	t.Parallel()
	in := func(inside string) string {
		return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">` + inside + `</svg>`
	}
	out := func(inside string) string {
		return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">` + inside + `</svg>`
	}
	same := func(inside string) [2]string { return [2]string{in(inside), out(inside)} }
	for name, test := range map[string][2]string{
		"shapes":        same(`<g transform="matrix(1.3,0,0,-1.3,0,6.6) translate(1 2)"><path d="M1,2 l-3e-1.5 4Z" fill="#76B93D"></path><rect x="1" y="1" width="2" height="3"></rect></g>`),
		"gradient":      same(`<defs><linearGradient id="i2" x1="0%" gradientUnits="userSpaceOnUse"><stop offset="0%" stop-color="rgb(41, 41, 178)"></stop></linearGradient></defs><path d="M0 0" fill="url(#i2)"></path>`),
		"clip":          same(`<clipPath id="i0"><polygon points="0,0 1,1"></polygon></clipPath><g clip-path="url(#i0)"></g>`),
		"a style":       {in(`<path d="M0 0" style="fill:#231f20; stroke:none;-inkscape-font:Sans"/>`), out(`<path d="M0 0" fill="#231f20" stroke="none"></path>`)},
		"a head":        {`<?xml version="1.0" encoding="UTF-8"?><!-- by hand -->` + in(`<title>Key</title><desc>A <b>key</b></desc><metadata><script>x</script></metadata><path d="M0 0"/>`), out(`<path d="M0 0"></path>`)},
		"an odd name":   {in(`<g id="#76b93dff"/>`), out(`<g></g>`)},
		"an odd member": {in(`<path d="M0 0" data-x="&quot;&gt;" class="javascript:" aria-label="&lt;"/>`), out(`<path d="M0 0"></path>`)},
		"a size":        {`<svg xmlns="http://www.w3.org/2000/svg" width="52px" height="40.5pt"><path d="M0 0"/></svg>`, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 52 40.5"><path d="M0 0"></path></svg>`},

		"script":                  {in(`<script>alert(1)</script>`)},
		"script of another space": {in(`<x:script xmlns:x="http://www.w3.org/1999/xhtml"/>`)},
		"a page inside":           {in(`<foreignObject/>`)},
		"another picture":         {in(`<image href="https://evil.example/x.png"/>`)},
		"a copy":                  {in(`<use xlink:href="#a"/>`)},
		"a link":                  {in(`<a href="https://evil.example"><path d="M0 0"/></a>`)},
		"a style sheet":           {in(`<style>@import "https://evil.example"</style>`)},
		"an animation":            {in(`<path d="M0 0"><animate attributeName="d"/></path>`)},
		"a filter":                {in(`<filter id="f"/>`)},
		"text":                    {in(`<text>Key</text>`)},
		"letters between shapes":  {in(`key`)},
		"what happens on load":    {in(`<g onload="alert(1)"/>`)},
		"a reference":             {in(`<linearGradient href="https://evil.example/#a"/>`)},
		"a colour from elsewhere": {in(`<path fill="url(https://evil.example/#a)"/>`)},
		"a colour from a file":    {in(`<path fill="url(1)"/>`)},
		"in a style":              {in(`<path style="fill:url(//evil.example)"/>`)},
		"in a style, hidden":      {in(`<path style="background:\75rl(x)"/>`)},
		"quotes":                  {in(`<path d="M0 0&quot; onload=&quot;x"/>`)},
		"a clip of clips":         {in(`<clipPath id="a"><path clip-path="url(#b)"/></clipPath>`)},
		"a type of its own":       {`<!DOCTYPE svg [<!ENTITY a "b">]>` + in(``)},
		"an entity":               {in(`<path d="&a;"/>`)},
		"a style sheet's address": {`<?xml-stylesheet href="https://evil.example"?>` + in(``)},
		"too many shapes":         {in(strings.Repeat(`<path d="M0 0"/>`, maxElements))},
		"too deep":                {in(strings.Repeat(`<g>`, maxNesting) + strings.Repeat(`</g>`, maxNesting))},
		"too long":                {in(`<path d="` + strings.Repeat("M0 0", maxDrawing/4) + `"/>`)},
		"no size":                 {`<svg xmlns="http://www.w3.org/2000/svg" width="100%"/>`},
		"no space":                {`<svg viewBox="0 0 1 1"/>`},
		"two of them":             {in(``) + in(``)},
		"one in another":          {in(in(``))},
		"HTML":                    {`<html/>`},
		"cut short":               {in(``)[:60]},
		"the same twice":          {in(`<path d="M0 0" style="fill:red" fill="blue"/>`)},
		"nothing":                 {""},
		"of 16 bits":              {"\xff\xfe<\x00s\x00"},
	} {
		got, err := drawing([]byte(test[0]))
		if string(got) != test[1] || (err == nil) != (test[1] != "") {
			t.Errorf("%s: got %s, error %v, want %s", name, got, err, test[1])
		}
		if err != nil {
			continue
		}
		if again, err := drawing(got); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s: read again it is %s, error %v", name, again, err)
		}
	}
}

func FuzzDrawing(f *testing.F) {
	f.Add([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"><g style="fill:url(#a)"><path d="M0 0"/></g></svg>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := drawing(raw)
		if err != nil {
			return
		}
		if again, err := drawing(got); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%q becomes %q, and then %q: %v", raw, got, again, err)
		}
		if lower := bytes.ToLower(got); bytes.Contains(lower, []byte("script")) || bytes.Count(lower, []byte(":")) != 1 {
			t.Errorf("%q becomes %q", raw, got)
		}
	})
}
