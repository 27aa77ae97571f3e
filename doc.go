// Package staffkey is the vocabulary of Staffkey: the types, names, validation rules and error kinds that every other
// package speaks in. It does no I/O, has no clock, no SQL and no HTTP, and imports the standard library only, so that
// everyone may import it and nothing hides in it.
//
// The words are the field's own: organisation, person, Local Administrator, security key, credential, ceremony,
// session, sign-in method, policy, audit event. On pages a "token" is the entry in a person's list and a "key" the
// thing in the hand; in code both are a [SecurityKey], because the row and the credential are one.
package staffkey
