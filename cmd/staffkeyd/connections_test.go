package main

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// queue is a listener whose connections come from where a test says.
type queue struct{ conns chan net.Conn }

func (q queue) Accept() (net.Conn, error) {
	c, ok := <-q.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (q queue) Close() error   { return nil }
func (q queue) Addr() net.Addr { return &net.TCPAddr{} }

// comer is a connection from an address.
type comer struct {
	net.Conn
	from   string
	closed chan struct{}
}

func (c comer) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from)) }
func (c comer) Close() error {
	close(c.closed)
	return nil
}

func TestBoundListener(t *testing.T) {
	t.Parallel()
	q := queue{make(chan net.Conn, 20)}
	l := newBoundListener(q, 6, 2, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	come := func(from string) comer {
		c := comer{from: from, closed: make(chan struct{})}
		q.conns <- c
		return c
	}
	accept := func(want string) net.Conn {
		t.Helper()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().String(); got != want {
			t.Errorf("accepted %s, want %s", got, want)
		}
		return c
	}
	come("192.0.2.1:1")
	come("[::ffff:192.0.2.1]:2") // the same address
	third := come("192.0.2.1:3")
	come("[2001:db8::1]:4")
	come("[2001:db8::2]:5")
	household := come("[2001:db8::3]:6")
	come("10.0.0.1:7")
	come("10.0.0.1:8")
	come("10.0.0.1:9")

	first := accept("192.0.2.1:1")
	accept("192.0.2.1:2")
	accept("[2001:db8::1]:4")
	<-third.closed
	accept("[2001:db8::2]:5")
	accept("10.0.0.1:7")
	<-household.closed
	proxy := accept("10.0.0.1:8")
	if l.refused != 2 || len(l.room) != 6 {
		t.Errorf("refused %d, open %d, want 2 and 6", l.refused, len(l.room))
	}

	// All room is taken: the next waits until somebody goes.
	next := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		next <- c
	}()
	select {
	case c := <-next:
		t.Errorf("accepted %s beyond the limit", c.RemoteAddr())
	default:
	}
	if err := proxy.Close(); err != nil {
		t.Fatal(err)
	}
	if c := <-next; c.RemoteAddr().String() != "10.0.0.1:9" {
		t.Errorf("accepted %s", c.RemoteAddr())
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	come("192.0.2.1:10")
	accept("192.0.2.1:10")

	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ most, each, files, wantMost, wantEach int }{
		{0, 0, 1_048_576, 10_000, 2_500}, {0, 0, 1024, 768, 192}, {0, 0, 0, 10_000, 2_500}, {500, 0, 1_048_576, 500, 125}, {500, 400, 1024, 500, 400}, {3, 0, 1024, 3, 1},
	} {
		c := serverConfig{MaxConnections: test.most, MaxPerAddress: test.each}
		if most, each := c.connectionLimits(test.files); most != test.wantMost || each != test.wantEach {
			t.Errorf("%d, %d of %d files: %d and %d, want %d and %d", test.most, test.each, test.files, most, each, test.wantMost, test.wantEach)
		}
	}
}
