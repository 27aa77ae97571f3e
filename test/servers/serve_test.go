//go:build linux

package servers

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// Without any other program: the frame itself, and a server that ends when it is told to, and not when somebody hangs up.
func TestServe_starts_and_ends(t *testing.T) {
	t.Parallel()
	p, listen := serve(t, t.TempDir())
	p.signal(t, syscall.SIGHUP)
	p.await(t, func() error {
		if !strings.Contains(p.output.String(), "SIGHUP: looked at") {
			return errors.New("nothing is logged of the signal")
		}
		return nil
	})
	if err := answers("http://" + listen + "/healthz"); err != nil {
		t.Error(err)
	}
	p.stop(t, syscall.SIGTERM)
	if p.result != nil {
		t.Errorf("ended: %v", p.result)
	}
}
