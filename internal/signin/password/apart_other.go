//go:build !linux

package password

import (
	"os"
	"os/exec"
	"os/signal"
)

// ownProgram is the file that this process was started from.
func ownProgram() (string, error) { return os.Executable() }

// detach does nothing: groups of processes are not the same everywhere.
func detach(*exec.Cmd) {}

// giveWay keeps the process alive through Ctrl-C. Its priority is the usual one here; it has a scheduler and a heap of its own all the same.
func giveWay() { signal.Ignore(os.Interrupt) }
