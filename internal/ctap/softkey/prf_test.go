package softkey

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// hexBytes reads bytes written as hexadecimal.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) error {
	var err error
	*b, err = hex.DecodeString(string(text))
	return err
}

// The three vectors of pseudo-random functions of Web Authentication Level 3.
func TestPRF_vectors_of_the_standard(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/webauthn-level-3-prf-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Secret map[string]json.RawMessage `json:"ctap_hmac_secret"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var shared struct {
		Platform      hexBytes                   `json:"platform_key_agreement_private_key"`
		Authenticator map[string]json.RawMessage `json:"authenticator_key_agreement_public_key"`
		Secret        hexBytes                   `json:"authenticator_cred_random"`
	}
	if err := json.Unmarshal(file.Secret["shared"], &shared); err != nil {
		t.Fatal(err)
	}
	delete(file.Secret, "shared")
	private, err := ecdh.P256().NewPrivateKey(shared.Platform)
	if err != nil {
		t.Fatal(err)
	}
	point := []byte{4}
	for _, label := range []string{"-2", "-3"} {
		var coordinate hexBytes
		if err := json.Unmarshal(shared.Authenticator[label], &coordinate); err != nil {
			t.Fatal(err)
		}
		point = append(point, coordinate...)
	}
	public, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Secret) != 3 {
		t.Fatalf("%d vectors, want 3", len(file.Secret))
	}
	for name, text := range file.Secret {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v struct {
				Version   int      `json:"pinUvAuthProtocol"`
				First     hexBytes `json:"prf_eval_first"`
				Second    hexBytes `json:"prf_eval_second"`
				Shared    hexBytes `json:"shared_secret"`
				Salt1     hexBytes `json:"salt1"`
				Salt2     hexBytes `json:"salt2"`
				SaltEnc   hexBytes `json:"salt_enc"`
				Output1   hexBytes `json:"output1"`
				Output2   hexBytes `json:"output2"`
				OutputEnc hexBytes `json:"output_enc"`
			}
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatal(err)
			}
			same := func(what string, got, want []byte) {
				t.Helper()
				if !bytes.Equal(got, want) || len(want) == 0 {
					t.Errorf("%s is %x, want %x", what, got, want)
				}
			}
			p, err := newPINProtocol(v.Version, private, public)
			if err != nil {
				t.Fatal(err)
			}
			secret := p.hmacKey
			if v.Version == 2 {
				secret = append(bytes.Clone(p.hmacKey), p.aesKey...)
			}
			same("shared secret", secret, v.Shared)
			same("salt 1", prfSalt(v.First), v.Salt1)
			salts, outputs := []byte(v.Salt1), []byte(v.Output1)
			if v.Second != nil {
				same("salt 2", prfSalt(v.Second), v.Salt2)
				salts, outputs = append(salts, v.Salt2...), append(outputs, v.Output2...)
			}
			plain, err := p.decrypt(v.SaltEnc)
			if err != nil {
				t.Fatal(err)
			}
			same("salts", plain, salts)
			answer, err := p.hmacSecret(shared.Secret, v.SaltEnc)
			if err != nil {
				t.Fatal(err)
			}
			if v.Version == 1 { // protocol 2 has random numbers in front
				same("answer", answer, v.OutputEnc)
			}
			for what, sent := range map[string][]byte{"our answer": answer, "the standard's answer": v.OutputEnc} {
				got, err := p.decrypt(sent)
				if err != nil {
					t.Fatal(err)
				}
				same(what, got, outputs)
			}
			for what, bad := range map[string][]byte{"nothing": nil, "part of a block": v.SaltEnc[:len(v.SaltEnc)-1], "half a salt": v.SaltEnc[:len(v.SaltEnc)-16]} {
				if _, err := p.hmacSecret(shared.Secret, bad); err == nil {
					t.Errorf("%s was answered", what)
				}
			}
		})
	}
}

// A page gets the same answer for the same input and credential, another for another, and none from a key that has no such functions.
func TestPRF_of_a_key(t *testing.T) {
	t.Parallel()
	const creation = `{"rp":{"id":"staff.example"},"user":{"id":"AAAA","name":"a","displayName":"A"},"challenge":"AAAA","pubKeyCredParams":[{"type":"public-key","alg":-7}],"extensions":{"prf":{}}}`
	type results struct {
		RawID   string `json:"rawId"`
		Results struct {
			PRF *struct {
				Enabled *bool
				Results *struct{ First, Second string }
			} `json:"prf"`
		} `json:"clientExtensionResults"`
	}
	read := func(answer []byte, err error) (r results) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(answer, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, able := range []bool{true, false} {
		k := New(Options{PRF: able, UserVerification: true})
		made := read(k.Create("https://staff.example", []byte(creation)))
		if made.Results.PRF == nil || made.Results.PRF.Enabled == nil || *made.Results.PRF.Enabled != able {
			t.Errorf("able %t: enabled is %v", able, made.Results.PRF)
		}
		allow := `"allowCredentials":[{"type":"public-key","id":"` + made.RawID + `"}]`
		get := func(prf, more string) results {
			t.Helper()
			return read(k.Get("https://staff.example", []byte(`{"challenge":"AAAA","rpId":"staff.example",`+allow+more+`,"extensions":{"prf":`+prf+`}}`)))
		}
		first := get(`{"eval":{"first":"AQID"}}`, "")
		if (first.Results.PRF.Results != nil) != able {
			t.Fatalf("able %t: results %+v", able, first.Results.PRF)
		}
		if !able {
			continue
		}
		both := get(`{"eval":{"first":"AQID","second":"BAUG"}}`, "").Results.PRF.Results
		own := get(`{"eval":{"first":"BAUG"},"evalByCredential":{"`+made.RawID+`":{"first":"AQID"}}}`, "").Results.PRF.Results
		unverified := get(`{"eval":{"first":"AQID"}}`, `,"userVerification":"discouraged"`).Results.PRF.Results
		one := first.Results.PRF.Results
		switch {
		case len(one.First) != 43 || one.Second != "":
			t.Errorf("one input gives %+v", one)
		case both.First != one.First || both.Second == "" || both.Second == both.First:
			t.Errorf("two inputs give %+v, the first alone %+v", both, one)
		case own.First != one.First:
			t.Errorf("inputs for the credential give %+v, want %+v", own, one)
		case unverified.First == one.First:
			t.Error("the function is the same without a PIN")
		}
		if _, err := k.Get("https://staff.example", []byte(`{"challenge":"AAAA","rpId":"staff.example",`+allow+`,"extensions":{"prf":{"evalByCredential":{"AAAA":{"first":"AQID"}}}}}`)); err == nil {
			t.Error("inputs for a credential that is not allowed are taken")
		}
		other := New(Options{PRF: true, UserVerification: true})
		k, allow = other, `"allowCredentials":[{"type":"public-key","id":"`+read(other.Create("https://staff.example", []byte(creation))).RawID+`"}]`
		if got := get(`{"eval":{"first":"AQID"}}`, ""); got.Results.PRF.Results.First == one.First {
			t.Error("two credentials have the same function")
		}
	}
}
