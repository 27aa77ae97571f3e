package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// connection is one keep-alive connection of HTTP/1.1 (RFC 9112), with just enough of it for our own server: the driver shares the
// machine with what it measures, and the client of the standard library would cost as much as the server.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
	// body is that of the latest answer, good until the next.
	body []byte
}

// answerWithin bounds one answer: a server that hangs is an error, not a wait for ever.
const answerWithin = 20 * time.Second

func dial(host string) (*connection, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// answer is what the driver looks at.
type answer struct {
	status int
	// session tells that the answer sets a session cookie.
	session bool
	body    []byte
}

var errNoLength = errors.New("answer without Content-Length")

// exchange sends a request, head and body, and reads the answer.
func (c *connection) exchange(request string) (answer, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		return answer{}, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return answer{}, err
	}
	var a answer
	if len(line) < len("HTTP/1.1 200") {
		return a, fmt.Errorf("answer begins with %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("answer begins with %q", line)
	}
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		name, value, found := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		if !found {
			break
		}
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return a, err
			}
		case "Set-Cookie":
			a.session = a.session || bytes.Contains(value, []byte("staffkey-session="))
		}
	}
	if length < 0 {
		return a, errNoLength
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	a.body = c.body[:length]
	_, err = io.ReadFull(c.in, a.body)
	return a, err
}

func (c *connection) close() { _ = c.conn.Close() } // nothing is on its way

// requestHead writes the head of a request as a browser would, without cookies.
func requestHead(method, path, host string, length int, more ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n", method, path, host, userAgent)
	for _, line := range more {
		b.WriteString(line + "\r\n")
	}
	if method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", length)
	}
	b.WriteString("\r\n")
	return b.String()
}
