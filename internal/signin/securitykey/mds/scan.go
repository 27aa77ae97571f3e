package mds

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// scanner walks over JSON (RFC 8259) and says where things are, without making a value of them: a BLOB is mostly pictures and
// certificates, which nobody may ever ask for. It refuses what is no JSON, what lies too deep, and objects with too many members;
// a member that stands twice is noted, since readers differ on which of the two counts.
type scanner struct {
	data []byte
	pos  int
	// repeated is the name of a member that stood twice in one object, or "". Who reads one part among others clears it.
	repeated string
	names    [][]byte // of the objects that are open, innermost last
}

var errEnds = errors.New("ends in the middle")

// end refuses anything but white space behind what was read.
func (s *scanner) end() error {
	if s.space(); s.pos < len(s.data) {
		return fmt.Errorf("something follows at byte %d", s.pos)
	}
	return nil
}

// space passes over white space and returns what comes then, zero at the end.
func (s *scanner) space() byte {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(want byte) error {
	switch got := s.space(); {
	case s.pos == len(s.data):
		return errEnds
	case got != want:
		return fmt.Errorf("%q at byte %d, not %q", got, s.pos, want)
	}
	s.pos++
	return nil
}

// value passes over one value; depth is how many objects and lists it lies in.
func (s *scanner) value(depth int) error {
	switch c := s.space(); c {
	case '{':
		return s.object(depth, func([]byte) error { return s.value(depth + 1) })
	case '[':
		return s.list(depth, func() error { return s.value(depth + 1) })
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// object reads an object; member is called with each name in front of the value, and has to pass over that. The name is only valid
// until it returns.
func (s *scanner) object(depth int, member func(name []byte) error) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	if err := s.take('{'); err != nil {
		return err
	}
	if s.space() == '}' {
		s.pos++
		return nil
	}
	first := len(s.names)
	defer func() { s.names = s.names[:first] }()
	for {
		name, err := s.name()
		if err != nil {
			return err
		}
		for _, other := range s.names[first:] {
			if bytes.EqualFold(name, other) { // as encoding/json takes them
				s.repeated = fmt.Sprintf("%.40q", name)
			}
		}
		if s.names = append(s.names, name); len(s.names)-first > maxMembers {
			return errors.New("an object has too many members")
		}
		if err := member(name); err != nil {
			return err
		}
		if s.space() == ',' {
			s.pos++
			continue
		}
		return s.take('}')
	}
}

// name reads the name of a member, and the colon behind it.
func (s *scanner) name() ([]byte, error) {
	if s.space() != '"' {
		return nil, s.take('"')
	}
	raw, err := s.text()
	if err != nil {
		return nil, err
	}
	name := raw[1 : len(raw)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		name = []byte(text)
	}
	return name, s.take(':')
}

// list reads a list; item is called in front of each value, and has to pass over it.
func (s *scanner) list(depth int, item func() error) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	if err := s.take('['); err != nil {
		return err
	}
	if s.space() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.space() == ',' {
			s.pos++
			continue
		}
		return s.take(']')
	}
}

// plain are the bytes that stand for themselves in a string and need no second look.
var plain = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// text passes over a string and returns it with its quotes, as it stands.
func (s *scanner) text() ([]byte, error) {
	start := s.pos
	data, i := s.data, s.pos+1
	for {
		for i < len(data) && plain[data[i]] {
			i++
		}
		if i == len(data) {
			return nil, errEnds
		}
		switch c := data[i]; {
		case c == '"':
			s.pos = i + 1
			return data[start:s.pos], nil
		case c == '\\':
			n, err := escape(data[i:])
			if err != nil {
				return nil, err
			}
			i += n
		case c < ' ':
			return nil, fmt.Errorf("control character in the string at byte %d", start)
		default:
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				return nil, fmt.Errorf("no UTF-8 in the string at byte %d", start)
			}
			i += n
		}
	}
}

// escape returns the length of the escape sequence that data begins with.
func escape(data []byte) (int, error) {
	if len(data) < 2 {
		return 0, errEnds
	}
	if bytes.IndexByte([]byte(`"\/bfnrt`), data[1]) >= 0 {
		return 2, nil
	}
	if data[1] != 'u' {
		return 0, fmt.Errorf("no escape sequence: %q", data[:2])
	}
	if len(data) < 6 {
		return 0, errEnds
	}
	for _, c := range data[2:6] {
		if !isHex(c) {
			return 0, fmt.Errorf("no escape sequence: %q", data[:6])
		}
	}
	return 6, nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) word(want string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(want)) {
		return fmt.Errorf("no value at byte %d", s.pos)
	}
	s.pos += len(want)
	return nil
}

// number passes over a number. What it looks like is left to the standard library: they are few and short.
func (s *scanner) number() error {
	if s.pos == len(s.data) {
		return errEnds
	}
	start := s.pos
	for s.pos < len(s.data) && bytes.IndexByte([]byte("+-.0123456789Ee"), s.data[s.pos]) >= 0 {
		s.pos++
	}
	if !json.Valid(s.data[start:s.pos]) {
		return fmt.Errorf("no value at byte %d", start)
	}
	return nil
}

// members reads an object and returns its members, each as it stands.
func (s *scanner) members(depth int) (map[string]json.RawMessage, error) {
	found := make(map[string]json.RawMessage)
	err := s.object(depth, func(name []byte) error {
		raw, err := s.raw(depth + 1)
		found[string(name)] = raw
		return err
	})
	return found, err
}

// raw passes over one value and returns it as it stands.
func (s *scanner) raw(depth int) ([]byte, error) {
	s.space()
	start := s.pos
	err := s.value(depth)
	return s.data[start:s.pos:s.pos], err
}
