package main

import (
	"io"
	"sync"
	"unicode/utf8"

	"staffkey"
)

// plainWriter is where everything goes that the program prints. Names, files and answers of others are among it, and the reader is mostly a
// terminal: what would command it, hide or turn a line about goes no further.
type plainWriter struct {
	mu sync.Mutex
	to io.Writer
	// rest is the beginning of a character whose end has not come yet.
	rest []byte
}

// Write implements io.Writer.
func (w *plainWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.rest, p...)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				end = at
			}
			break
		}
	}
	w.rest = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(w.to, staffkey.CleanLines(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}
