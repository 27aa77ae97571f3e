//go:build !unix

package pgtest

import "fmt"

// start refuses: the guard that ends the server with the test program is a Unix shell.
func start(string, []Option) (url string, stop func(), err error) {
	return "", nil, fmt.Errorf("%w in a way that tests can start it on this system; set %s instead", ErrNotInstalled, Variable)
}
