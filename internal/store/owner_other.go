//go:build !unix

package store

// giveTo does nothing: a new file belongs to whoever its folder says.
func giveTo(string, ...string) error { return nil }
