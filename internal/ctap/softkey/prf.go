package softkey

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// This file evaluates pseudo-random functions as browser and key do it together: the browser hashes what the page gives into salts
// (WebAuthn §10.1.4) and sends them encrypted, the key answers with what its secret makes of them (CTAP §12.5, hmac-secret), and the browser
// decrypts that. Both sides are here, and what passes between them is the real thing.

// prfInputs is AuthenticationExtensionsPRFInputsJSON.
type prfInputs struct {
	Eval             *prfValues           `json:"eval"`
	EvalByCredential map[string]prfValues `json:"evalByCredential"`
}

// prfValues is AuthenticationExtensionsPRFValuesJSON.
type prfValues struct {
	First  bytesJSON `json:"first"`
	Second bytesJSON `json:"second,omitempty"`
}

// prfSalt is what the key sees of a page's input, so that pages cannot ask for what other uses of the key ask for.
func prfSalt(input []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte("WebAuthn PRF\x00"), input))
	return sum[:]
}

// inputs picks what is to be evaluated for a credential: its own inputs, or those for all; nil when there are none.
func (o *requestOptions) inputs(id []byte) (*prfValues, error) {
	prf := o.Extensions.PRF
	if prf == nil {
		return nil, nil
	}
	if len(prf.EvalByCredential) > 0 && len(o.AllowCredentials) == 0 {
		return nil, fmt.Errorf("prf.evalByCredential without allowCredentials: %w", ErrNotSupported)
	}
	for name := range prf.EvalByCredential {
		named, err := base64.RawURLEncoding.DecodeString(name)
		if err != nil || !slices.ContainsFunc(o.AllowCredentials, func(d descriptor) bool { return bytes.Equal(d.ID, named) }) {
			return nil, fmt.Errorf("prf.evalByCredential for %q: %w", name, ErrInvalidOptions)
		}
	}
	if own, ok := prf.EvalByCredential[base64.RawURLEncoding.EncodeToString(id)]; ok {
		return &own, nil
	}
	return prf.Eval, nil
}

// evaluate answers the extension prf: the encoded outputs of the key for the authenticator data, and the results for the page.
func (k *Key) evaluate(options *requestOptions, c *credential, verified bool) (outputs []byte, results map[string]any, err error) {
	results = map[string]any{}
	if options.Extensions.PRF == nil {
		return nil, results, nil
	}
	values, err := options.inputs(c.ID)
	if err != nil {
		return nil, nil, err
	}
	prf := map[string]any{}
	results["prf"] = prf
	if values == nil || !k.options.PRF {
		return nil, results, nil
	}
	salts := prfSalt(values.First)
	if len(values.Second) > 0 {
		salts = append(salts, prfSalt(values.Second)...)
	}
	secret := c.secrets[0]
	if verified {
		secret = c.secrets[1]
	}
	platform, authenticator, err := agree(2)
	if err != nil {
		return nil, nil, err
	}
	sent, err := platform.encrypt(salts)
	if err != nil {
		return nil, nil, err
	}
	answer, err := authenticator.hmacSecret(secret, sent)
	if err != nil {
		return nil, nil, err
	}
	plain, err := platform.decrypt(answer)
	if err != nil {
		return nil, nil, err
	}
	evaluated := prfValues{First: plain[:sha256.Size], Second: plain[sha256.Size:]}
	prf["results"] = evaluated
	outputs, err = canonical.Marshal(map[string]any{"hmac-secret": answer})
	return outputs, results, err
}

// newSecrets makes the keys of a credential's functions.
func newSecrets() (secrets [2][]byte) {
	for i := range secrets {
		secrets[i] = make([]byte, 32)
		_, _ = rand.Read(secrets[i]) // never fails
	}
	return secrets
}

// pinProtocol is one side of a PIN/UV auth protocol (CTAP §6.5.6 and §6.5.7) after the two have agreed on a secret.
type pinProtocol struct {
	version         int
	hmacKey, aesKey []byte
}

// agree makes the two sides of a protocol with new key pairs.
func agree(version int) (platform, authenticator pinProtocol, err error) {
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return platform, authenticator, err
	}
	theirs, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return platform, authenticator, err
	}
	if platform, err = newPINProtocol(version, ours, theirs.PublicKey()); err != nil {
		return platform, authenticator, err
	}
	authenticator, err = newPINProtocol(version, theirs, ours.PublicKey())
	return platform, authenticator, err
}

// newPINProtocol derives the shared secret (kdf): of protocol 1 one hash for both uses, of protocol 2 two keys.
func newPINProtocol(version int, private *ecdh.PrivateKey, public *ecdh.PublicKey) (pinProtocol, error) {
	z, err := private.ECDH(public)
	if err != nil {
		return pinProtocol{}, err
	}
	if version == 1 {
		sum := sha256.Sum256(z)
		return pinProtocol{version, sum[:], sum[:]}, nil
	}
	p := pinProtocol{version: version}
	if p.hmacKey, err = hkdf.Key(sha256.New, z, make([]byte, 32), "CTAP2 HMAC key", 32); err != nil {
		return p, err
	}
	p.aesKey, err = hkdf.Key(sha256.New, z, make([]byte, 32), "CTAP2 AES key", 32)
	return p, err
}

// encrypt is AES-256-CBC without padding: of protocol 1 with an initialisation vector of zeros, of protocol 2 with a random one in front.
func (p pinProtocol) encrypt(plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(p.aesKey)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, aes.BlockSize)
	out := make([]byte, len(plain))
	if p.version != 1 {
		_, _ = rand.Read(iv) // never fails
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, plain)
	if p.version == 1 {
		return out, nil
	}
	return append(iv, out...), nil
}

var errCiphertext = errors.New("no ciphertext of this protocol")

func (p pinProtocol) decrypt(sent []byte) ([]byte, error) {
	iv := make([]byte, aes.BlockSize)
	if p.version != 1 && len(sent) >= aes.BlockSize {
		iv, sent = sent[:aes.BlockSize], sent[aes.BlockSize:]
	}
	if len(sent) == 0 || len(sent)%aes.BlockSize != 0 {
		return nil, errCiphertext
	}
	block, err := aes.NewCipher(p.aesKey)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(sent))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, sent)
	return plain, nil
}

// hmacSecret is the key's part: one or two salts, encrypted, to as many outputs, encrypted.
func (p pinProtocol) hmacSecret(secret, sent []byte) ([]byte, error) {
	salts, err := p.decrypt(sent)
	if err != nil {
		return nil, err
	}
	if len(salts) != 32 && len(salts) != 64 {
		return nil, errCiphertext
	}
	var outputs []byte
	for salt := range slices.Chunk(salts, 32) {
		mac := hmac.New(sha256.New, secret)
		mac.Write(salt)
		outputs = mac.Sum(outputs)
	}
	return p.encrypt(outputs)
}
