package mds

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Bounds of a drawing. The largest of a model has 15 KB and 20 elements.
const (
	maxDrawing  = 128 << 10 // bytes
	maxElements = 1000
	maxNesting  = 16
)

// drawing writes an SVG anew from what it draws: shapes, their groups, clips and gradients, with attributes that place and colour them. Whatever
// could do anything else (scripts, styles, links, animations, other documents, text in fonts) is no part of it, and a picture that is drawn by
// such a thing is none, instead of another than its maker's. The error says why.
func drawing(raw []byte) ([]byte, error) {
	if len(raw) > maxDrawing {
		return nil, fmt.Errorf("%d bytes", len(raw))
	}
	d := xml.NewDecoder(bytes.NewReader(raw))
	var out bytes.Buffer
	var open []string
	elements := 0
	for {
		token, err := d.Token() // which knows no entities but the five of XML, and checks that ends meet their beginnings
		if err == io.EOF && elements > 0 && len(open) == 0 {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if silent(token.Name) {
				if err := d.Skip(); err != nil {
					return nil, err
				}
				continue
			}
			if elements++; elements > maxElements || len(open) >= maxNesting || token.Name.Space != svgSpace || !slices.Contains(shapes, name) ||
				(name == "svg") != (len(open) == 0) || elements > 1 && len(open) == 0 {
				return nil, fmt.Errorf("element %.40q", name)
			}
			if err := writeStart(&out, token, slices.Contains(open, "clipPath")); err != nil {
				return nil, err
			}
			open = append(open, name)
		case xml.EndElement:
			fmt.Fprintf(&out, "</%s>", token.Name.Local)
			open = open[:len(open)-1]
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return nil, errors.New("text")
			}
		case xml.Directive:
			return nil, errors.New("a document type")
		case xml.ProcInst:
			if token.Target != "xml" {
				return nil, fmt.Errorf("processing instruction %.40q", token.Target)
			}
		}
	}
}

const svgSpace = "http://www.w3.org/2000/svg"

// shapes are the elements that draw (SVG 1.1).
var shapes = []string{
	"svg", "g", "defs", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "clipPath", "linearGradient", "radialGradient", "stop",
}

// silent reports an element that draws nothing: descriptions, and what drawing programs note for themselves.
func silent(name xml.Name) bool {
	return name.Space == svgSpace && (name.Local == "title" || name.Local == "desc" || name.Local == "metadata") ||
		strings.Contains(name.Space, "inkscape.org/") || strings.Contains(name.Space, "sodipodi.sourceforge.net/")
}

// places are attributes of shapes, and colours are those that may stand in a style too.
var (
	places = []string{
		"d", "points", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "width", "height", "transform", "id", "offset",
		"gradientUnits", "gradientTransform", "spreadMethod", "clipPathUnits", "viewBox",
	}
	colours = []string{
		"fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
		"stroke-dasharray", "stroke-dashoffset", "opacity", "clip-path", "clip-rule", "stop-color", "stop-opacity", "color",
	}
)

// isValue are numbers, names, colours and functions of them, and isReference the part of this drawing that it is drawn with. Neither can name
// another document.
var (
	isValue     = regexp.MustCompile(`^(?:[A-Za-z0-9#%.,+\-\s]|\b(?:matrix|translate|scale|rotate|skewX|skewY|rgba?|hsla?)\([0-9eE%.,+\-\s]*\))*$`).MatchString
	isReference = regexp.MustCompile(`^url\(#[A-Za-z_][A-Za-z0-9_\-.]*\)$`).MatchString
)

// writeStart writes the start of an element. The size of the whole is its view box, so that the page decides how large it is shown.
func writeStart(out *bytes.Buffer, e xml.StartElement, clips bool) error {
	root := e.Name.Local == "svg"
	fmt.Fprintf(out, "<%s", e.Name.Local)
	if root {
		fmt.Fprintf(out, " xmlns=%q", svgSpace)
	}
	size := map[string]string{}
	seen := map[string]bool{}
	write := func(name, value string) error {
		value = strings.TrimSpace(value)
		reference := (name == "fill" || name == "stroke" || name == "clip-path") && isReference(value)
		// A clip of a clip could be one of many, and so on: nobody draws that, and it takes for ever.
		if !reference && !isValue(value) || seen[name] || clips && name == "clip-path" && value != "none" {
			return fmt.Errorf("%s is %.60q", name, value)
		}
		seen[name] = true
		fmt.Fprintf(out, " %s=\"%s\"", name, value)
		return nil
	}
	for _, a := range e.Attr {
		var err error
		switch name := a.Name.Local; {
		case a.Name.Space != "" || name == "xmlns":
		case root && (name == "width" || name == "height"):
			size[name] = a.Value
		case name == "style":
			err = eachDeclaration(a.Value, write)
		case name == "id":
			if isReference("url(#" + a.Value + ")") {
				err = write(name, a.Value)
			}
		case strings.HasPrefix(name, "on") || name == "href":
			err = fmt.Errorf("attribute %.40q", name)
		case slices.Contains(places, name) || slices.Contains(colours, name):
			err = write(name, a.Value)
		}
		if err != nil {
			return err
		}
	}
	if root && !seen["viewBox"] {
		width, height := isLength(size["width"]), isLength(size["height"])
		if width == nil || height == nil {
			return errors.New("no size")
		}
		fmt.Fprintf(out, " viewBox=\"0 0 %s %s\"", width[1], height[1])
	}
	out.WriteString(">")
	return nil
}

var isLength = regexp.MustCompile(`^\s*([0-9]{1,5}(?:\.[0-9]{1,6})?)(?:px|pt)?\s*$`).FindStringSubmatch

// eachDeclaration reads the declarations of a style attribute, which become attributes: a style would be kept out by the policy of its own page.
func eachDeclaration(style string, write func(name, value string) error) error {
	for declaration := range strings.SplitSeq(style, ";") {
		name, value, ok := strings.Cut(declaration, ":")
		if name = strings.TrimSpace(name); !ok || !slices.Contains(colours, name) {
			if strings.TrimSpace(declaration) == "" || ok && !strings.ContainsAny(value, "(\\") {
				continue
			}
			return fmt.Errorf("style %.60q", declaration)
		}
		if err := write(name, value); err != nil {
			return err
		}
	}
	return nil
}
