//go:build linux

package servers

import (
	"syscall"
	"testing"
)

// Without any other program: the frame itself, and a server that ends when it is told to.
func TestServe_starts_and_ends(t *testing.T) {
	t.Parallel()
	p, listen := serve(t, t.TempDir())
	if err := answers("http://" + listen + "/healthz"); err != nil {
		t.Error(err)
	}
	p.stop(t, syscall.SIGTERM)
	if p.result != nil {
		t.Errorf("ended: %v", p.result)
	}
}
