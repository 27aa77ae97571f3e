package browser

import (
	"github.com/chromedp/cdproto/webauthn"
)

// key is a virtual security key, plugged into one tab.
type key struct {
	tab *tab
	id  webauthn.AuthenticatorID
}

// plugIn adds a key with a PIN that the person knows and a finger always on it: USB, CTAP 2.1, discoverable credentials.
func (b *tab) plugIn() *key {
	b.t.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	added := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return &key{b, added.AuthenticatorID}
}

// refusePIN makes the key refuse the PIN from now on, or accept it again.
func (k *key) refusePIN(refuse bool) {
	k.tab.t.Helper()
	call(k.tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: k.id, IsUserVerified: !refuse})
}

// touch says whether somebody has a finger on the key.
func (k *key) touch(yes bool) {
	k.tab.t.Helper()
	call(k.tab, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: k.id, Enabled: yes})
}

// credentials lists what is on the key.
func (k *key) credentials() []*webauthn.Credential {
	k.tab.t.Helper()
	return call(k.tab, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: k.id}).Credentials
}

// moveTo plugs the key into another tab: with what is on it, as it is the same key.
func (k *key) moveTo(b *tab) *key {
	b.t.Helper()
	other := b.plugIn()
	for _, c := range k.credentials() {
		call(b, webauthn.AddCredential, webauthn.AddCredentialParams{AuthenticatorID: other.id, Credential: c})
	}
	call(k.tab, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: k.id})
	return other
}
