// Package crash holds the proof that nothing acknowledged is lost (F121): its test starts the real program, lets people change things
// through the pages as fast as they can, kills the program with SIGKILL at a random moment, starts it again on the same data, and then
// looks for everything that an answer had acknowledged. What was under way at that moment may have happened or not, but not by half. A
// code that was acknowledged as sent has gone to the gateway or waits in the outbox.
//
//	go test ./test/crash -count=1                           5 rounds
//	STAFFKEY_CRASH_ROUNDS=50 go test ./test/crash -count=1  50 rounds
//
// Every tenth round is on PostgreSQL when TEST_POSTGRES names a server; there, too, it is staffkeyd that is killed.
package crash
