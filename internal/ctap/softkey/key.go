// Package softkey is a security key in software, seen from the page: it takes the options that a relying party
// gives to navigator.credentials.create or get, as JSON, and answers with the JSON that the browser would post back.
// It plays the browser and the authenticator together, so tests and the load driver run whole ceremonies without
// either.
//
// It follows Web Authentication Level 3 for the JSON forms (§5.1), the client data (§5.8.1), the authenticator data
// (§6.1) and packed attestation (§8.2), and CTAP 2.1 for discoverable credentials and credential protection (§6.1,
// §12.1). Touch is always given at once, and user verification succeeds whenever the key is capable of it.
//
// It is a tool for proving a relying party right, not a place to keep real credentials: private keys live in memory
// unprotected, a key can be cloned, and a [Tamper] function may turn every answer into a lie.
package softkey

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"slices"
	"sync"
)

// Options says what kind of security key to make. The zero value is an ES256 key without user verification, without
// attestation, without discoverable credentials, and with a signature counter that stays zero.
type Options struct {
	// AAGUID names the model of the key (WebAuthn §6.5.2).
	AAGUID [16]byte
	// Algorithm is the only signature algorithm of the key; 0 means ES256.
	Algorithm Algorithm
	// Attestation is what the key can say about its origin; "" means AttestationNone.
	Attestation Attestation
	// Issuer signs the certificates of AttestationPacked; nil means DefaultIssuer.
	Issuer *Issuer
	// EnterpriseSerial identifies this one key in the certificate that it shows when, and only when, the relying
	// party asks for enterprise attestation (WebAuthn §8.2.2). Empty means that the key shows its model's
	// certificate instead. It is used with AttestationPacked only.
	EnterpriseSerial []byte
	// UserVerification says that the key can verify the person, as one with a PIN or a fingerprint can.
	UserVerification bool
	// Resident says that the key can keep discoverable credentials.
	Resident bool
	// Counter drives the signature counter.
	Counter Counter
	// Transports are what the browser reports for the key, such as "usb" and "nfc". "internal" alone makes it a
	// platform authenticator, anything else a cross-platform one.
	Transports []string
	// BackupEligible and BackupState are the BE and BS flags of every credential. BS without BE is forbidden by
	// WebAuthn §6.1.3 and is made here all the same, because relying parties must refuse it.
	BackupEligible, BackupState bool
	// MinPINLength is what the minPinLength extension reports (CTAP §12.4); 0 means that the key does not answer it.
	MinPINLength uint
	// PRF says that the key can evaluate pseudo-random functions (WebAuthn §10.1.4, CTAP §12.5).
	PRF bool
	// Tamper, when set, may alter each answer while it is made.
	Tamper Tamper
}

// Counter describes a signature counter (WebAuthn §6.1.1). The zero value is a key that does not count and always
// reports 0.
type Counter struct {
	// Start is the value reported when a credential is created.
	Start uint32
	// Step is added before each sign-in; the sum wraps around at 2³².
	Step uint32
	// Global makes all credentials share one counter, so that one relying party sees gaps left by others.
	Global bool
}

// Credential describes one credential that a key holds.
type Credential struct {
	// ID is the credential id, 32 random bytes.
	ID []byte
	// RPID is the relying party that the credential is scoped to.
	RPID string
	// UserID is the user handle given at creation, 1 to 64 bytes.
	UserID []byte
	// UserName and UserDisplayName are what the key would show to the person.
	UserName, UserDisplayName string
	// Discoverable says that the credential can be found without its id.
	Discoverable bool
	// Protection is the credential protection level, 1 to 3 (CTAP §12.1).
	Protection Protection
	// Counter is the value last reported.
	Counter uint32
}

// Protection is a credential protection level (CTAP §12.1).
type Protection uint

// The levels, from usable by touch alone to never visible without user verification.
const (
	ProtectionOptional       Protection = 1
	ProtectionOptionalWithID Protection = 2
	ProtectionRequired       Protection = 3
)

// Key is one security key. Its methods may be called from several goroutines.
type Key struct {
	options Options

	mu          sync.Mutex
	uv          bool
	counter     uint32
	credentials []*credential // oldest first
	byID        map[string]*credential
}

// credential is a Credential with its key pair, which never changes and so may be shared by clones.
type credential struct {
	Credential
	signer crypto.Signer
	// secrets are the keys of the credential's two pseudo-random functions: without and with user verification.
	secrets [2][]byte
}

// New returns a key without credentials. Options that make no sense, such as an algorithm that is not one of the four,
// are reported by Create as ErrNotSupported.
func New(options Options) *Key {
	if options.Algorithm == 0 {
		options.Algorithm = ES256
	}
	if options.Attestation == "" {
		options.Attestation = AttestationNone
	}
	options.EnterpriseSerial = bytes.Clone(options.EnterpriseSerial)
	// getTransports (WebAuthn §5.2.1.1) promises unique values in order; the copy is never nil, so that JSON has an array.
	options.Transports = append([]string{}, options.Transports...)
	slices.Sort(options.Transports)
	options.Transports = slices.Compact(options.Transports)
	return &Key{
		options: options,
		uv:      options.UserVerification,
		counter: options.Counter.Start,
		byID:    make(map[string]*credential),
	}
}

// Credentials lists what the key holds, oldest first, discoverable or not. The result is a copy.
func (k *Key) Credentials() []Credential {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]Credential, len(k.credentials))
	for i, c := range k.credentials {
		list[i] = c.copy().Credential
	}
	return list
}

// Forget deletes the credential with that id and reports whether the key held it. The relying party is not told,
// as when a person deletes an entry in the browser's settings.
func (k *Key) Forget(id []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, found := k.byID[string(id)]
	if found {
		k.remove(c)
	}
	return found
}

// SetUserVerification gives the key the ability to verify the person, or takes it away, from the next ceremony on.
func (k *Key) SetUserVerification(able bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.uv = able
}

// SetCounter sets the signature counter of the key and of every credential on it: the next sign-in reports n plus the
// step. Setting it back plays a key restored from a copy. Credentials created later on a key without a global counter
// begin at Counter.Start again.
func (k *Key) SetCounter(n uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counter = n
	for _, c := range k.credentials {
		c.Counter = n
	}
}

// Clone returns a second key with the same options, private keys and counters, as an attacker's copy would have.
// From then on the two count on their own, which is what a relying party can notice.
func (k *Key) Clone() *Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	twin := &Key{
		options: k.options,
		uv:      k.uv,
		counter: k.counter,
		byID:    make(map[string]*credential, len(k.byID)),
	}
	for _, c := range k.credentials {
		twin.add(c.copy())
	}
	return twin
}

// add stores c as the newest credential. The caller holds the lock.
func (k *Key) add(c *credential) {
	k.credentials = append(k.credentials, c)
	k.byID[string(c.ID)] = c
}

// remove deletes c. The caller holds the lock.
func (k *Key) remove(c *credential) {
	delete(k.byID, string(c.ID))
	k.credentials = slices.DeleteFunc(k.credentials, func(other *credential) bool { return other == c })
}

// attachment is what the browser reports as authenticatorAttachment (WebAuthn §5.4.5).
func (k *Key) attachment() string {
	if len(k.options.Transports) == 1 && k.options.Transports[0] == "internal" {
		return "platform"
	}
	return "cross-platform"
}

func (c *credential) copy() *credential {
	twin := *c
	twin.ID, twin.UserID = bytes.Clone(c.ID), bytes.Clone(c.UserID)
	return &twin
}

// usable says whether credential protection lets c take part: verified is whether the person was verified, named
// whether the relying party gave the credential's id.
func (c *credential) usable(verified, named bool) bool {
	switch c.Protection {
	case ProtectionRequired:
		return verified
	case ProtectionOptionalWithID:
		return verified || named
	default:
		return true
	}
}

// signedMessage is what both attestation and assertion signatures cover (WebAuthn §6.3.2 and §6.3.3).
func signedMessage(authenticatorData, clientDataJSON []byte) []byte {
	hash := sha256.Sum256(clientDataJSON)
	return slices.Concat(authenticatorData, hash[:])
}
