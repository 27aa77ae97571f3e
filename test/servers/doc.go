// Package servers tries Staffkey beside the real programs that operators run it with: each test starts them on free ports of this machine
// with a configuration of its own, on temporary folders, and stops them by their process when it is over.
//
//	go test ./test/servers -count=1                               what is installed here
//	STAFFKEY_SERVERS=required go test ./test/servers -count=1     everything; a program that is missing is a failure
//
// [process] is one such program: need finds it, launch starts it, and stop ends it. What is learned here of a program's own behaviour is
// written beside the configuration that it was seen with.
package servers
