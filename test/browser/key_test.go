package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
)

// key is a virtual security key, plugged into one tab.
type key struct {
	tab *tab
	id  webauthn.AuthenticatorID
}

// plugIn adds a key with a PIN that the person knows and a finger always on it: USB, CTAP 2.1, discoverable credentials.
func (b *tab) plugIn() *key { return b.plugInBy(webauthn.AuthenticatorTransportUsb) }

// plugInBy is plugIn of a key that is reached in another way.
func (b *tab) plugInBy(transport webauthn.AuthenticatorTransport) *key {
	b.t.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	added := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: transport,
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
func (k *key) moveTo(b *tab) *key { return k.moveToBy(b, webauthn.AuthenticatorTransportUsb) }

// moveToBy is moveTo where the key is reached in another way.
func (k *key) moveToBy(b *tab, transport webauthn.AuthenticatorTransport) *key {
	b.t.Helper()
	other := b.plugInBy(transport)
	for _, c := range k.credentials() {
		other.add(c)
	}
	k.unplug()
	return other
}

// unplug takes the key out of its tab.
func (k *key) unplug() {
	k.tab.t.Helper()
	call(k.tab, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: k.id})
}

// add puts a credential on the key. The type of the protocol package would also ask for a feature of password managers,
// which no security key has.
func (k *key) add(c *webauthn.Credential) {
	k.tab.t.Helper()
	type credential struct {
		CredentialID         []byte  `json:"credentialId"`
		IsResidentCredential bool    `json:"isResidentCredential"`
		RpID                 string  `json:"rpId"`
		PrivateKey           []byte  `json:"privateKey"`
		UserHandle           []byte  `json:"userHandle"`
		SignCount            float64 `json:"signCount"`
	}
	type params struct {
		AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
		Credential      credential               `json:"credential"`
	}
	call(k.tab, cdp.Command[params, cdp.Empty]{Method: webauthn.AddCredential.Method}, params{k.id, credential{
		c.CredentialID, c.IsResidentCredential, c.RpID, c.PrivateKey, c.UserHandle, c.SignCount,
	}})
}

// remove deletes a credential from the key.
func (k *key) remove(c *webauthn.Credential) {
	k.tab.t.Helper()
	call(k.tab, webauthn.RemoveCredential, webauthn.RemoveCredentialParams{AuthenticatorID: k.id, CredentialID: c.CredentialID})
}
