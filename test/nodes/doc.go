// Package nodes holds the proof that what counts once counts once on several nodes: its test starts two servers on one PostgreSQL
// database, lets many browsers give the same recovery code, pass, app code, text code, link or ceremony at the same moment, half of them
// to each node, and wants one of them to get in and all others to be told no.
//
//	go test ./test/nodes -count=1                          3 rounds of each
//	STAFFKEY_RACE_ROUNDS=200 go test ./test/nodes -count=1 200 rounds of each
//
// The limits of guessing stay as they are, so of the answers that can be guessed five are looked at in a round and the others are sent
// away; between rounds the test forgets the counts. Links and keys are not guessed, and all answers are looked at.
package nodes
