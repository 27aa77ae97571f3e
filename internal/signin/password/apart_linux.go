package password

import (
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
)

// ownProgram is the file that this process runs, also when another release lies at its path meanwhile.
func ownProgram() (string, error) { return "/proc/self/exe", nil }

// detach puts the other process into a session of its own. Ctrl-C at a terminal then reaches this one alone, and the kernel, which where
// nobody has set up groups shares the processors between sessions first (sched(7), autogroup), does not count its time as this one's.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// nice is the priority of hashes, of 0 for everybody's to 19 for the lowest (setpriority(2)). Against work
// that wants a processor all the time it gives hashes a quarter, so that passwords are slow then and do not stand still.
const nice = 5

// giveWay takes that priority for all threads of this process, which is alone in its group: of a process, Linux would change one thread.
// The session has a priority too. Where either is forbidden, the process works as any other does.
func giveWay() {
	_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, nice)
	_ = os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(nice)), 0)
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}
