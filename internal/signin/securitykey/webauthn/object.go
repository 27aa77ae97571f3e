package webauthn

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The JSON that browsers send is read by a scanner of our own: it takes one pass, sees the members in their order, and
// refuses one that stands twice, which encoding/json would not tell. What it accepts is JSON to every other reader
// (FuzzObject compares).

// maxDepth bounds nesting, and maxMembers an object: each name is compared with all before it, and browsers write about ten.
const maxDepth, maxMembers = 16, 64

var errJSON = errors.New("is no JSON object")

// scanner reads JSON (RFC 8259).
type scanner struct {
	data []byte
	at   int
}

// members calls visit for each member of the one JSON object that data is, with the member's name and its raw value. It refuses
// invalid UTF-8, a member that stands twice at any depth, and anything behind the object.
func members(data []byte, visit func(name string, value []byte)) error {
	if !utf8.Valid(data) {
		return errors.New("is no UTF-8")
	}
	s := scanner{data: data}
	s.space()
	if err := s.object(0, visit); err != nil {
		return err
	}
	if s.space(); s.at != len(data) {
		return errors.New("has something behind the object")
	}
	return nil
}

func (s *scanner) space() {
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\t' || s.data[s.at] == '\n' || s.data[s.at] == '\r') {
		s.at++
	}
}

// next reports whether c comes next, and goes behind it.
func (s *scanner) next(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(depth int, visit func(name string, value []byte)) error {
	if !s.next('{') || depth > maxDepth {
		return errJSON
	}
	if s.space(); s.next('}') {
		return nil
	}
	var few [8]string
	seen := few[:0]
	for {
		s.space()
		from := s.at
		if !s.text() {
			return errJSON
		}
		name, ok := unquote(s.data[from:s.at])
		if !ok {
			return errJSON
		}
		// Readers that take names without regard to case, as encoding/json does, must see the same member as others.
		for _, other := range seen {
			if strings.EqualFold(other, name) {
				return fmt.Errorf("names %.40q twice", name)
			}
		}
		if seen = append(seen, name); len(seen) > maxMembers {
			return errors.New("has too many members")
		}
		if s.space(); !s.next(':') {
			return errJSON
		}
		s.space()
		from = s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if visit != nil {
			visit(name, s.data[from:s.at])
		}
		if s.space(); s.next('}') {
			return nil
		}
		if !s.next(',') {
			return errJSON
		}
	}
}

func (s *scanner) value(depth int) error {
	if s.at == len(s.data) {
		return errJSON
	}
	ok := false
	switch c := s.data[s.at]; {
	case c == '{':
		return s.object(depth+1, nil)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		ok = s.text()
	case c == 't':
		ok = s.word("true")
	case c == 'f':
		ok = s.word("false")
	case c == 'n':
		ok = s.word("null")
	default:
		ok = s.number()
	}
	if !ok {
		return errJSON
	}
	return nil
}

func (s *scanner) array(depth int) error {
	if depth > maxDepth {
		return errJSON
	}
	s.at++
	if s.space(); s.next(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		if s.space(); s.next(']') {
			return nil
		}
		if !s.next(',') {
			return errJSON
		}
	}
}

func (s *scanner) word(w string) bool {
	if !strings.HasPrefix(string(s.data[s.at:min(len(s.data), s.at+len(w))]), w) {
		return false
	}
	s.at += len(w)
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.data) && '0' <= s.data[s.at] && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) number() bool {
	s.next('-')
	if !s.next('0') && !s.digits() {
		return false
	}
	if s.next('.') && !s.digits() {
		return false
	}
	if s.next('e') || s.next('E') {
		if !s.next('+') {
			s.next('-')
		}
		return s.digits()
	}
	return true
}

// text goes behind a string.
func (s *scanner) text() bool {
	if !s.next('"') {
		return false
	}
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return true
		case c < ' ':
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		default:
			s.at++
		}
	}
	return false
}

func (s *scanner) escape() bool {
	if s.at+1 >= len(s.data) {
		return false
	}
	c := s.data[s.at+1]
	s.at += 2
	if c != 'u' {
		return strings.IndexByte(`"\/bfnrt`, c) >= 0
	}
	if s.at+4 > len(s.data) {
		return false
	}
	for _, d := range s.data[s.at : s.at+4] {
		if !isHex(d) {
			return false
		}
	}
	s.at += 4
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
