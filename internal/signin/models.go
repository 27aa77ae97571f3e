package signin

import (
	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Models is what is known of models of security keys.
type Models interface {
	// Judge looks at the attestation of a new key, and returns how far it can be believed and by which metadata.
	Judge(k staffkey.SecurityKey) (staffkey.Trust, int)
	// Facts returns what is known of a key by what its row says.
	Facts(k staffkey.SecurityKey) staffkey.KeyFacts
	// NeedsRegistration reports whether Facts needs the bytes of a key's registration to tell its own model and findings from
	// those of others; without them, whatever may concern it does.
	NeedsRegistration(k staffkey.SecurityKey) bool
	// RecallsOf returns the recalls that concern a key's model and firmware, in whichever organisation they hold.
	RecallsOf(k staffkey.SecurityKey) []staffkey.Recall
}

// noModels knows no models.
type noModels struct{}

func (noModels) Judge(staffkey.SecurityKey) (staffkey.Trust, int) { return staffkey.TrustUnjudged, -1 }

func (noModels) Facts(k staffkey.SecurityKey) staffkey.KeyFacts {
	return staffkey.KeyFacts{Model: staffkey.Model{AAGUID: k.AAGUID}, Trust: k.Trust}
}

func (noModels) NeedsRegistration(staffkey.SecurityKey) bool { return false }

func (noModels) RecallsOf(staffkey.SecurityKey) []staffkey.Recall { return nil }

// judgeNew asks whether a new key is one that policy takes, and notes in it and in the event what was found. A key whose model needs a
// review will be on hold when it is named.
func (s *Service) judgeNew(k *staffkey.SecurityKey, p staffkey.Policy, event *staffkey.AuditEvent) error {
	k.Trust, k.JudgedBy = s.models.Judge(*k)
	event.Detail = map[string]string{"aaguid": k.AAGUID, "attestation": k.AttestationFormat, "trust": string(k.Trust)}
	if k.Serial != "" {
		event.Detail["serial"] = k.Serial
	}
	if k.Firmware != "" {
		event.Detail["firmware"] = k.Firmware
	}
	if err := policy.AcceptsKey(p.Keys, *k); err != nil {
		return err
	}
	facts := s.models.Facts(*k)
	verdict := policy.JudgeKey(p.Keys, *k, facts, true)
	if verdict.Answer == policy.Review {
		k.StopReason, event.Detail["review"] = staffkey.StopReview, verdict.Rule
	}
	return verdict.Err(facts)
}

// judgeInUse asks of a key that signs in whether policy still takes its model, and notes a finding and what a recall leaves of its proof.
func (s *Service) judgeInUse(tx *store.Tx, h holder, v *Verified) error {
	facts, err := s.facts(tx, v.Key)
	if err != nil {
		return err
	}
	verdict := policy.JudgeKey(h.policy.Keys, v.Key, facts, false)
	if err := verdict.Err(facts); err != nil {
		return err
	}
	v.Finding = verdict.Finding
	v.Proof, err = s.onRecall(tx, h.person, v.Key, v.Proof, facts)
	return err
}

// RefusedKeys are those of a person's keys that are in use and that no sign-in takes all the same, because of their model.
func (s *Service) RefusedKeys(tx *store.Tx, person staffkey.Person, p staffkey.Policy, keys []staffkey.SecurityKey) ([]staffkey.SecurityKeyID, error) {
	var refused []staffkey.SecurityKeyID
	for _, k := range keys {
		if k.State != staffkey.SecurityKeyActive {
			continue
		}
		facts, err := s.facts(tx, k)
		if err != nil {
			return nil, err
		}
		_, phase, err := s.recallOf(tx, person, k)
		if err != nil {
			return nil, err
		}
		if !policy.TakesKey(p.Keys, k, facts, phase) {
			refused = append(refused, k.ID)
		}
	}
	return refused, nil
}

// facts returns what is known of a key that is stored.
func (s *Service) facts(tx *store.Tx, k staffkey.SecurityKey) (staffkey.KeyFacts, error) {
	if s.models.NeedsRegistration(k) {
		var err error
		if k.AttestationObject, k.ClientDataJSON, err = tx.FindRegistration(k.ID); err != nil {
			return staffkey.KeyFacts{}, err
		}
	}
	return s.models.Facts(k), nil
}

// onRecall is what a key's proof is worth when its model is recalled where its person is (F83): less until the date, and nothing after it.
// Keys of other models cost nothing here.
func (s *Service) onRecall(tx *store.Tx, person staffkey.Person, k staffkey.SecurityKey, proof staffkey.Proof, f staffkey.KeyFacts) (staffkey.Proof, error) {
	r, phase, err := s.recallOf(tx, person, k)
	switch {
	case err != nil:
		return proof, err
	case phase == policy.RecallOver:
		return proof, staffkey.Refused("key_recalled", "key.recalled", "Model", f.Model.Name, "When", r.Until, "Reason", r.ToldReason).Because("recall %s: %s", r.ID, r.Reason)
	case phase == policy.RecallRunning:
		return policy.OnRecall(proof), nil
	}
	return proof, nil
}

// notRecalled refuses a new key of a model that is recalled: it would have to be replaced at once.
func (s *Service) notRecalled(tx *store.Tx, person staffkey.Person, k staffkey.SecurityKey) error {
	r, phase, err := s.recallOf(tx, person, k)
	if err != nil || phase == policy.NotRecalled {
		return err
	}
	return staffkey.Refused("key_recalled", "key.recalled", "Model", s.models.Facts(k).Model.Name, "Reason", r.ToldReason).Because("recall %s: %s", r.ID, r.Reason)
}

func (s *Service) recallOf(tx *store.Tx, person staffkey.Person, k staffkey.SecurityKey) (staffkey.Recall, policy.RecallPhase, error) {
	recalls := s.models.RecallsOf(k)
	if len(recalls) == 0 {
		return staffkey.Recall{}, policy.NotRecalled, nil
	}
	chain, err := tx.ListAncestors(person.Organisation)
	if err != nil {
		return staffkey.Recall{}, policy.NotRecalled, err
	}
	r, phase := policy.RecallOf(recalls, policy.Chain(chain), k, tx.Now)
	return r, phase, nil
}
