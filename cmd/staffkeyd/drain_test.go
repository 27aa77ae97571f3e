package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Whoever sends the whole of a body that is refused, and reads then, gets the answer: proxies do so.
func TestBodies_that_are_refused_are_drained(t *testing.T) {
	t.Parallel()
	read := make(chan int, 100)
	refuses := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.ReadFull(r.Body, make([]byte, 10))
		read <- n
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, strings.Repeat("refused ", 1000)) // to the pipe of a test
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newHTTPServer(refuses, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(listener) }() // ends with the test
	t.Cleanup(func() { _ = server.Close() })
	const size = 20 << 20
	for name, send := range map[string]func(io.Writer) error{
		"with a length": func(w io.Writer) error {
			_, err := io.WriteString(w, fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)+strings.Repeat("x", size))
			return err
		},
		"in chunks": func(w io.Writer) error {
			_, err := io.WriteString(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("100000\r\n"+strings.Repeat("x", 1<<20)+"\r\n", size>>20)+"0\r\n\r\n")
			return err
		},
	} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := send(conn); err != nil {
			t.Errorf("%s: the connection ends while the body is sent: %v", name, err)
			continue
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", name, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusUnauthorized || len(body) != 8000 || <-read != 10 {
			t.Errorf("%s: %d with %d bytes, %v", name, res.StatusCode, len(body), err)
		}
	}
	// More than anybody may send ends with the connection, and a small body is nothing special.
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n0123456789", drainMost+1); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("too much is announced: %v, %v", res, err)
	}
	for range 2 {
		res, err := http.Post("http://"+listener.Addr().String(), "text/plain", strings.NewReader("0123456789"))
		if err != nil || res.StatusCode != http.StatusUnauthorized || res.Body.Close() != nil {
			t.Errorf("a small body: %v, %v", res, err)
		}
	}
}
