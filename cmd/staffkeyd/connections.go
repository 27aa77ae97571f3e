package main

import (
	"net"
	"net/netip"
	"sync"

	"staffkey"

	"github.com/prometheus/client_golang/prometheus"
)

// mostConnections is the default for --max-connections where the system allows as many: about 20 kB each, idle ones too.
const mostConnections = 10_000

// boundListener is a listener that bounds the connections that are open, in all and from one source. Above the first, further ones wait in
// the system's queue; above the second, they are closed. Proxies that are trusted bring the connections of everybody, and have no share.
type boundListener struct {
	net.Listener
	room   chan struct{} // holds a token for each open connection
	each   int
	exempt []netip.Prefix
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	sources map[netip.Addr]int
	refused int64
}

func newBoundListener(l net.Listener, most, each int, exempt []netip.Prefix) *boundListener {
	return &boundListener{
		Listener: l, room: make(chan struct{}, most), each: each, exempt: exempt, closed: make(chan struct{}), sources: make(map[netip.Addr]int),
	}
}

// Accept implements net.Listener.
func (l *boundListener) Accept() (net.Conn, error) {
	for {
		select {
		case l.room <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.room
			return nil, err
		}
		source := l.sourceOf(conn.RemoteAddr())
		if l.admit(source) {
			return &boundConn{Conn: conn, leave: func() { l.leave(source) }}, nil
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing was read or written: forget it at once
		}
		_ = conn.Close() // as above
		<-l.room
	}
}

// Close implements net.Listener.
func (l *boundListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// sourceOf is whom a connection counts as. A trusted proxy, and what has
// no address, is nobody.
func (l *boundListener) sourceOf(remote net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return netip.Addr{}
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, p := range l.exempt {
		if p.Contains(ip) {
			return netip.Addr{}
		}
	}
	return staffkey.SourceOf(ip)
}

func (l *boundListener) admit(source netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if source.IsValid() && l.sources[source] >= l.each {
		l.refused++
		return false
	}
	l.sources[source]++
	return true
}

func (l *boundListener) leave(source netip.Addr) {
	l.mu.Lock()
	if l.sources[source]--; l.sources[source] <= 0 {
		delete(l.sources, source)
	}
	l.mu.Unlock()
	<-l.room
}

// observe adds what an operator watches of connections to the metrics.
func (l *boundListener) observe(registry *prometheus.Registry) {
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "staffkey_connections", Help: "Connections to the public port that are open."},
			func() float64 { return float64(len(l.room)) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "staffkey_connections_refused_total", Help: "Connections that were closed because too many from the same address were open.",
		}, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return float64(l.refused)
		}),
	)
}

// boundConn gives its place back once, when it is closed.
type boundConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close implements net.Conn.
func (c *boundConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}

// CloseWrite ends what we send, so that a client that still sends hears the answer before the connection goes.
func (c *boundConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
