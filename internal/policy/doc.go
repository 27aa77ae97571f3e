// Package policy holds every yes/no decision of Staffkey, as pure functions: authority.go asks whether this actor may do
// this here, acceptance.go whether a key, a set of proofs or a session is good enough. A "no" is a [staffkey.Refusal]
// that names its rule. No other package compares a role, an AAGUID or the strength of a session.
package policy
