package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"staffkey/test/program"
)

// slowSettings are the flags of the slow senders.
type slowSettings struct {
	connections int
	seconds     float64
	json        bool
}

// slowResult is what slow senders cost and what others saw meanwhile.
type slowResult struct {
	What    string         `json:"what"`
	Opened  int            `json:"opened"`
	Answers map[string]int `json:"answers"` // by status, or "refused" where the connection was closed without one
	Before  memory         `json:"before"`
	Peak    memory         `json:"peak"`
	After   memory         `json:"after"`
	Pages   int            `json:"pages"`  // that somebody else asked for meanwhile
	Failed  int            `json:"failed"` // of them
	P50     float64        `json:"page_p50_ms"`
	Max     float64        `json:"page_max_ms"`
}

func (r *slowResult) String() string {
	return fmt.Sprintf("%s\n  %d connections, answers %v\n  resident %.0f MB before, %.0f MB at most, %.0f MB afterwards\n  %d pages for others, %d failed, p50 %.0f ms, at most %.0f ms",
		r.What, r.Opened, r.Answers, r.Before.Resident, r.Peak.Peak, r.After.Resident, r.Pages, r.Failed, r.P50, r.Max)
}

// settle is how long after the senders have gone memory is looked at.
const settle = 30 * time.Second

func runSlow(ctx context.Context, args []string) error {
	var s slowSettings
	flags := flag.NewFlagSet("load slow", flag.ContinueOnError)
	flags.IntVar(&s.connections, "connections", 8000, "how many `connections` to hold open")
	flags.Float64Var(&s.seconds, "seconds", 20, "for how many `seconds`, once all have sent their part")
	flags.BoolVar(&s.json, "json", false, "print one JSON object for each")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.connections < 1 || s.connections > 20_000 || s.seconds <= 0 || s.seconds > 300 || flags.NArg() > 0 {
		return errors.New("--connections is from 1 to 20000, --seconds up to 300, and there are no arguments")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if need := uint64(s.connections) + 100; limit.Cur < need { // Go has raised it to what the system allows
		return fmt.Errorf("this process may open %d files, and %d connections need %d: raise it (ulimit -n), or give --connections", limit.Cur, s.connections, need)
	}
	for _, attack := range []*slowSenders{
		{what: "60 kB of a 64 kB body, from one address", direct: true, length: 64 << 10, sent: 60 << 10},
		{what: "7 kB of an 8 kB form, from one address", direct: true, length: 8 << 10, sent: 7 << 10},
		{what: "7 kB of an 8 kB form, through a trusted proxy, each from an address of its own", length: 8 << 10, sent: 7 << 10},
	} {
		r, err := attack.measure(ctx, s)
		if err != nil {
			return err
		}
		if s.json {
			err = json.NewEncoder(os.Stdout).Encode(r)
		} else {
			_, err = fmt.Println(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// slowSenders are connections that each send the head of a request and most of its body, and then hold the rest back.
type slowSenders struct {
	what         string
	direct       bool
	length, sent int

	mu      sync.Mutex
	answers map[string]int
}

// measure starts a server of its own, holds the connections open and looks at its memory and its pages.
func (a *slowSenders) measure(ctx context.Context, s slowSettings) (r *slowResult, err error) {
	in, err := (&installation{direct: a.direct}).install(ctx, "sqlite")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	pid := in.cmd.Process.Pid
	others := &visitor{address: in.url}
	others.visit(ctx)
	r = &slowResult{What: a.what, Opened: s.connections}
	if r.Before, err = readMemory(pid); err != nil {
		return nil, err
	}
	a.answers = map[string]int{}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var visits, senders sync.WaitGroup
	visits.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-sending.Done():
				return
			case <-tick.C:
				others.visit(ctx)
			}
		}
	})
	var begun sync.WaitGroup
	dialling := make(chan struct{}, 64)
	host := strings.TrimPrefix(in.url, "http://")
	for n := range s.connections {
		dialling <- struct{}{}
		begun.Add(1)
		senders.Go(func() {
			a.send(sending, host, n, func() {
				<-dialling
				begun.Done()
			})
		})
	}
	begun.Wait()
	select {
	case <-time.After(time.Duration(s.seconds * float64(time.Second))):
	case <-ctx.Done():
	}
	if r.Peak, err = readMemory(pid); err != nil {
		return nil, err
	}
	stop()
	visits.Wait()
	senders.Wait()
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.After, err = readMemory(pid)
	r.Answers = a.answers
	r.Pages, r.Failed, r.P50, r.Max = others.result()
	return r, err
}

// send is one sender: it calls begun once it has sent its part, or could not, and reads what the server says until ctx ends.
func (a *slowSenders) send(ctx context.Context, host string, n int, begun func()) {
	begun = sync.OnceFunc(begun)
	defer begun()
	said := "refused"
	defer func() {
		a.mu.Lock()
		a.answers[said]++
		a.mu.Unlock()
	}()
	dialer := net.Dialer{Timeout: answerWithin}
	_, port, _ := net.SplitHostPort(host)
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	head := fmt.Sprintf("POST /signin HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", host, program.Agent, a.length)
	if !a.direct {
		head += fmt.Sprintf("X-Forwarded-For: 198.18.%d.%d\r\n", n>>8, n&0xff) // of the network for such measurements (RFC 2544)
	}
	_, sent := conn.Write([]byte(head + "\r\nusername=" + strings.Repeat("x", a.sent-len("username="))))
	begun()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	switch {
	case err == nil:
		said = answer.Status
		_ = answer.Body.Close() // the page is not wanted
	case ctx.Err() != nil && sent == nil:
		said = "none yet"
	}
}

// visitor asks for the sign-in page from another address of this machine, each time by a new connection.
type visitor struct {
	address string
	mu      sync.Mutex
	waits   []float64
	failed  int
}

func (v *visitor) visit(ctx context.Context) {
	client := &http.Client{Timeout: answerWithin, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.address+"/signin", nil)
	if err != nil {
		panic(err) // the address is ours
	}
	req.Header.Set("User-Agent", program.Agent)
	began := time.Now()
	resp, err := client.Do(req)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.waits = append(v.waits, float64(time.Since(began).Microseconds())/1000)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.failed++
	}
	if err == nil {
		_ = resp.Body.Close() // the page is not wanted
	}
}

func (v *visitor) result() (pages, failed int, p50, most float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	slices.Sort(v.waits)
	return len(v.waits), v.failed, v.waits[len(v.waits)/2], v.waits[len(v.waits)-1]
}
