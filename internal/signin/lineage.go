package signin

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// madeWithin is how far back what was set up may be somebody else's. It is stopped with the key or the pass that they came in by, and stays
// off when an account that was frozen is opened again: what is older was most likely set up by its owner, who may need it now.
const madeWithin = 7 * 24 * time.Hour

// Made is what was set up by somebody who came in by a key or a pass, or by what that had set up.
type Made struct {
	Keys    []staffkey.SecurityKey
	Methods []KeptMethod
	// ancestors are what sessions are ended by: the key or the pass, and the keys that it led to, whatever has become of those.
	ancestors []string
	// removed are such keys that are off the list: an undo must not put them in use.
	removed []staffkey.SecurityKeyID
}

// Kept is what a person says that they set up themselves: it is not stopped with the key.
type Kept struct {
	Keys    []staffkey.SecurityKeyID
	Methods []KeptMethod
}

// KeptMethod is a method as it was set up at an instant: one that was set up anew since is another.
type KeptMethod struct {
	Method    staffkey.MethodKind
	ChangedAt time.Time
}

// comesBack reports a key that was made and that is in use, or may be again with less than the proof of another key: by its owner who has
// found it, or by a reviewer.
func comesBack(k staffkey.SecurityKey) bool {
	return k.State == staffkey.SecurityKeyActive ||
		k.State == staffkey.SecurityKeySuspended && (k.StopReason == staffkey.StopReview || k.StopReason == staffkey.StopLost)
}

// madeBy finds what an ancestor led to since an instant and is in use or may come back, besides what is kept. Keys that are on hold or off the
// list by now lead on: whoever made them may have taken them away. What the present session was opened by is the person's: whoever speaks has it.
func (s *Service) madeBy(tx *store.Tx, h holder, may staffkey.Authority, ancestor string, since time.Time, kept Kept) (Made, error) {
	made := Made{ancestors: []string{ancestor}}
	keys, err := tx.ListSecurityKeys(h.person.ID, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended, staffkey.SecurityKeyRemoved)
	if err != nil {
		return made, err
	}
	for i := 0; i < len(made.ancestors); i++ {
		by := made.ancestors[i]
		for _, k := range keys {
			own := staffkey.KeyAncestor(k.ID)
			if slices.Contains(made.ancestors, own) || slices.Contains(may.Lineage, own) || slices.Contains(kept.Keys, k.ID) {
				continue
			}
			if !k.RegisteredAt.Before(since) && descends(k.Lineage, by) {
				made.ancestors = append(made.ancestors, own)
				switch {
				case k.State == staffkey.SecurityKeyRemoved:
					made.removed = append(made.removed, k.ID)
				case comesBack(k):
					made.Keys = append(made.Keys, k)
				}
			}
		}
		for _, e := range h.enrolments {
			if slices.Contains(made.Methods, KeptMethod{e.Method, e.ChangedAt}) || proved(may, e) || slices.ContainsFunc(kept.Methods, func(k KeptMethod) bool { return k.Method == e.Method && k.ChangedAt.Equal(e.ChangedAt) }) || !s.Usable(e) {
				continue
			}
			if e.Method == staffkey.MethodPass || e.Method == staffkey.MethodPassword && !strings.HasPrefix(ancestor, staffkey.PassAncestor("")) {
				continue // who changed a password knew the one before; only a pass asks for none
			}
			if !e.ChangedAt.Before(since) && descends(e.Lineage, by) {
				made.Methods = append(made.Methods, KeptMethod{e.Method, e.ChangedAt})
			}
		}
	}
	return made, nil
}

// descends reports an ancestor in a lineage; one without an id is any of its kind.
func descends(l staffkey.Lineage, ancestor string) bool {
	return slices.ContainsFunc(l, func(a string) bool {
		return a == ancestor || ancestor == staffkey.PassAncestor("") && strings.HasPrefix(a, ancestor)
	})
}

// args are what messages say of what ended.
func (e Ended) args(args map[string]string) map[string]string {
	args["Also"], args["Methods"] = e.names(), methodNames(e.Methods)
	return args
}

// proved reports a method by which the present session was opened, as it is now: one that was set up anew since is somebody else's.
func proved(may staffkey.Authority, e staffkey.Enrolment) bool {
	return slices.Contains(may.Methods, e.Method) && !e.ChangedAt.After(may.ProvedAt)
}

// leadOn adds to a session what led to the methods that opened it, when they were set up so lately that they would be stopped with that; and
// the pass, if one did. Of a password only a pass counts: whoever changed it otherwise knew the one before.
func leadOn(session *staffkey.Session, h holder, proofs []staffkey.Proof) {
	for _, p := range proofs {
		e := h.enrolment(p.Method)
		if e == nil {
			continue
		}
		if p.Recovery == staffkey.RecoveryPass {
			session.Before = session.Before.With(staffkey.PassAncestor(e.ID))
		}
		if e.ChangedAt.Before(session.CreatedAt.Add(-madeWithin)) {
			continue
		}
		for _, ancestor := range e.Lineage {
			if p.Method != staffkey.MethodPassword || strings.HasPrefix(ancestor, staffkey.PassAncestor("")) {
				session.Before = session.Before.With(ancestor)
			}
		}
	}
}

// MadeBy tells the actor what was set up in the last days by whoever came in by a key of theirs, so that they can say what is their own.
func (s *Service) MadeBy(ctx context.Context, actor staffkey.Actor, key staffkey.SecurityKeyID) (Made, error) {
	var made Made
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		made, err = s.madeBy(tx, h, may, staffkey.KeyAncestor(key), tx.Now.Add(-madeWithin), Kept{})
		return err
	})
	return made, err
}

// Ended is what ended because a key or a pass was in other hands.
type Ended struct {
	// Sessions is how many were open.
	Sessions int
	// Keys were put on hold, and Methods switched off: whoever came in by it had set them up.
	Keys    []staffkey.SecurityKey
	Methods []staffkey.MethodKind
}

// note writes into an event what ended.
func (e Ended) note(event *staffkey.AuditEvent) {
	if event.Detail == nil {
		event.Detail = map[string]string{}
	}
	event.Detail["sessions"] = strconv.Itoa(e.Sessions)
	if names := e.names(); names != "" {
		event.Detail["keys"] = names
	}
	if len(e.Methods) > 0 {
		event.Detail["methods"] = methodNames(e.Methods)
	}
}

func (e Ended) names() string {
	var names []string
	for _, k := range e.Keys {
		names = append(names, k.Nickname)
	}
	return strings.Join(names, ", ")
}

// endLineage ends all that came of a key or a pass: the sessions that it led to, through every renewal, except the one that says so; and
// what was made in them.
func (s *Service) endLineage(tx *store.Tx, may staffkey.Authority, h holder, made Made) (Ended, error) {
	out := Ended{Keys: made.Keys}
	for _, ancestor := range made.ancestors {
		n, err := tx.EndSessionsFrom(h.person.ID, ancestor, may.Session)
		if err != nil {
			return out, err
		}
		out.Sessions += int(n)
	}
	for _, k := range made.Keys {
		if err := tx.StopForGood(h.person.ID, k.ID, staffkey.StopMade); err != nil {
			return out, err
		}
	}
	for _, id := range made.removed {
		if err := tx.StopForGood(h.person.ID, id, staffkey.StopMade); err != nil {
			return out, err
		}
	}
	for _, m := range made.Methods {
		if err := tx.DisableEnrolment(h.person.ID, m.Method); err != nil {
			return out, err
		}
		out.Methods = append(out.Methods, m.Method)
	}
	return out, nil
}
