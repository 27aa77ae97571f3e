package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

var allStates = []staffkey.SecurityKeyState{
	staffkey.SecurityKeyPending, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended, staffkey.SecurityKeyRemoved,
}

func findKey(k staffkey.SecurityKey) func(*store.Tx) (staffkey.SecurityKey, error) {
	return func(tx *store.Tx) (staffkey.SecurityKey, error) { return tx.FindSecurityKey(k.Person, k.ID) }
}

// withoutRegistration is a key as lists return it: without the registration bytes.
func withoutRegistration(k staffkey.SecurityKey) staffkey.SecurityKey {
	k.AttestationObject, k.ClientDataJSON = nil, nil
	return k
}

func TestSecurityKeyRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		full := newKey(amara.ID, "Allwedd <b>las</b>")
		full.State, full.SignCount, full.BackupEligible, full.BackupState = staffkey.SecurityKeySuspended, math.MaxUint32, true, true
		full.SameKeyAs, full.RegisteredBy, full.LastUsedWhere = "older", bryn.ID, "Chrome on Windows"
		full.RegisteredAt, full.LastUsedAt = odd, odd.Add(time.Microsecond)
		full.AttestationType, full.Trust, full.JudgedBy, full.Serial, full.Firmware = "basic", staffkey.TrustProven, 57, "1234", "5.4.3"
		full.CredProtect, full.MinPINLength, full.PRF = 3, 6, true
		bare := newKey(amara.ID, "")
		bare.State, bare.SignCount, bare.Transports, bare.UserVerified = staffkey.SecurityKeyPending, 0, nil, false
		bare.RegisteredAt = odd.Add(time.Second)
		change(t, s, func(tx *store.Tx) error {
			if err := tx.InsertSecurityKey(full); err != nil {
				return err
			}
			return tx.InsertSecurityKey(bare)
		})
		wantFull, wantBare := withoutRegistration(full), withoutRegistration(bare)
		wantFull.RegisteredAt, wantFull.LastUsedAt = stored, stored.Add(time.Microsecond)
		wantBare.RegisteredAt = stored.Add(time.Second)
		for _, want := range []staffkey.SecurityKey{wantFull, wantBare} {
			if diff := cmp.Diff(want, get(t, s, findKey(want)), exactTimes); diff != "" {
				t.Errorf("by id (-want +got)\n%s", diff)
			}
		}
		for _, test := range []struct {
			states []staffkey.SecurityKeyState
			want   []staffkey.SecurityKey
		}{
			{nil, nil},
			{allStates, []staffkey.SecurityKey{wantFull, wantBare}},
			{allStates[:1], []staffkey.SecurityKey{wantBare}},
			{[]staffkey.SecurityKeyState{staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended}, []staffkey.SecurityKey{wantFull}},
		} {
			got := get(t, s, func(tx *store.Tx) ([]staffkey.SecurityKey, error) {
				return tx.ListSecurityKeys(amara.ID, test.states...)
			})
			if diff := cmp.Diff(test.want, got, exactTimes); diff != "" {
				t.Errorf("in states %v (-want +got)\n%s", test.states, diff)
			}
		}
	})
}

func TestFindKeyHolder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.trust.ID, "amara")
		k := newKey(amara.ID, "Blue")
		k.BackupEligible, k.State, k.RemovedAt = true, staffkey.SecurityKeyRemoved, odd
		k.Firmware, k.Trust = "5.4.3", staffkey.TrustProven
		change(t, s, func(tx *store.Tx) error {
			if err := tx.SetLanguage(amara.ID, "cy"); err != nil {
				return err
			}
			return tx.InsertSecurityKey(k)
		})
		want := store.KeyHolder{
			Key: staffkey.SecurityKey{
				ID: k.ID, Person: amara.ID, State: k.State, Nickname: k.Nickname, CredentialID: k.CredentialID, PublicKey: k.PublicKey,
				UserHandle: k.UserHandle, SignCount: k.SignCount, UserVerified: true, BackupEligible: true, RemovedAt: stored,
				AAGUID: k.AAGUID, Firmware: "5.4.3", Trust: staffkey.TrustProven,
			},
			Person: staffkey.Person{
				ID: amara.ID, Organisation: w.trust.ID, Username: amara.Username, Name: amara.Name, State: amara.State, Email: amara.Email, Language: "cy",
			},
			Basis: store.Basis{Trust: staffkey.TrustProven},
		}
		find := func(tx *store.Tx) (store.KeyHolder, error) { return tx.FindKeyHolder(k.CredentialID) }
		if diff := cmp.Diff(want, get(t, s, find), exactTimes); diff != "" {
			t.Errorf("without policy (-want +got)\n%s", diff)
		}
		// Decided on three levels, out of order, and by an organisation beside them, which does not count.
		for minutes, id := range []staffkey.OrganisationID{w.trust.ID, w.other.ID, w.root.ID, w.region.ID} {
			settings := staffkey.PolicySettings{Sessions: &staffkey.SessionLimits{IdleAAL2: minutes + 1, AbsoluteAAL2: 1440, IdleAAL3: 15, AbsoluteAAL3: 720}}
			change(t, s, func(tx *store.Tx) error { return tx.PutPolicySettings(id, settings) })
		}
		want.Policies = get(t, s, func(tx *store.Tx) ([]staffkey.PolicySettings, error) { return tx.ListPolicyChain(w.trust.ID) })
		if len(want.Policies) != 3 {
			t.Fatalf("levels with policy: want 3, got %d", len(want.Policies))
		}
		got := get(t, s, find)
		if want.Basis.Policies = got.Basis.Policies; want.Basis.Policies == "" {
			t.Error("nothing tells that policies have changed")
		}
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("with policy (-want +got)\n%s", diff)
		}
	})
}

func TestSecurityKeyRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		blue := addKey(t, s, amara.ID, "Blue")
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { // the same credential, another person
			k := newKey(bryn.ID, "Blue")
			k.CredentialID = blue.CredentialID
			return tx.InsertSecurityKey(k)
		})
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.InsertSecurityKey(newKey("nobody", "x")) })
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.SecurityKey, error) { return tx.FindSecurityKey(bryn.ID, blue.ID) })
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (store.KeyHolder, error) { return tx.FindKeyHolder(nil) })
		for name, fn := range map[string]func(tx *store.Tx, person staffkey.PersonID, id staffkey.SecurityKeyID) error{
			"rename": func(tx *store.Tx, p staffkey.PersonID, id staffkey.SecurityKeyID) error {
				return tx.RenameSecurityKey(p, id, "Red")
			},
			"remove": func(tx *store.Tx, p staffkey.PersonID, id staffkey.SecurityKeyID) error {
				return tx.RemoveSecurityKey(p, id)
			},
			"name": func(tx *store.Tx, p staffkey.PersonID, id staffkey.SecurityKeyID) error {
				return tx.NameKey(ownerOf(p), id, "Red")
			},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return fn(tx, bryn.ID, blue.ID) })
				refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return fn(tx, amara.ID, "none") })
			})
		}
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.NameKey(ownerOf(amara.ID), blue.ID, "Red") }) // named already
		if diff := cmp.Diff(withoutRegistration(blue), get(t, s, findKey(blue)), exactTimes); diff != "" {
			t.Errorf("the refusals changed the key (-want +got)\n%s", diff)
		}
	})
}

// ownerOf is somebody without an address, who is told nothing.
func ownerOf(p staffkey.PersonID) store.InUse { return store.InUse{Owner: staffkey.Person{ID: p}} }

func TestNicknames(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		addKey(t, s, bryn.ID, "Blue") // another person's nicknames do not matter
		blue := addKey(t, s, amara.ID, "Blue")
		suspended := newKey(amara.ID, "Grey")
		suspended.State = staffkey.SecurityKeySuspended
		var pending [2]staffkey.SecurityKey
		change(t, s, func(tx *store.Tx) error {
			for i := range pending { // both without a name
				pending[i] = newKey(amara.ID, "")
				pending[i].State = staffkey.SecurityKeyPending
				if err := tx.InsertSecurityKey(pending[i]); err != nil {
					return err
				}
			}
			return tx.InsertSecurityKey(suspended)
		})
		name := func(nickname string) func(*store.Tx) error {
			return func(tx *store.Tx) error { return tx.NameKey(ownerOf(amara.ID), pending[0].ID, nickname) }
		}
		for _, taken := range []string{"Blue", "BLUE", "Ｂｌｕｅ", "grey"} {
			refused(t, s, staffkey.ErrConflict, name(taken))
			refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.InsertSecurityKey(newKey(amara.ID, taken)) })
		}
		change(t, s, name("Red"))
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.RenameSecurityKey(amara.ID, pending[0].ID, "blue") })
		change(t, s, func(tx *store.Tx) error { return tx.RenameSecurityKey(amara.ID, blue.ID, "BLUE") }) // its own, in another spelling
		change(t, s, func(tx *store.Tx) error { return tx.RenameSecurityKey(amara.ID, suspended.ID, "Silver") })
		if got := get(t, s, findKey(blue)); got.Nickname != "BLUE" || got.State != staffkey.SecurityKeyActive {
			t.Errorf("renamed key is %q, %s", got.Nickname, got.State)
		}
		if got := get(t, s, findKey(pending[0])); got.Nickname != "Red" || got.State != staffkey.SecurityKeyActive {
			t.Errorf("named key is %q, %s", got.Nickname, got.State)
		}

		// A removed key gives its nickname back, and cannot be renamed or removed again.
		change(t, s, func(tx *store.Tx) error { return tx.RemoveSecurityKey(amara.ID, blue.ID) })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.RenameSecurityKey(amara.ID, blue.ID, "Green") })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.RemoveSecurityKey(amara.ID, blue.ID) })
		addKey(t, s, amara.ID, "blue")
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.RestoreKey(ownerOf(amara.ID), blue.ID, time.Time{}) })
	})
}

func TestRestoreSecurityKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		blue := addKey(t, s, amara.ID, "Blue")
		restore := func(tx *store.Tx) error {
			return tx.RestoreKey(ownerOf(amara.ID), blue.ID, tx.Now.Add(-staffkey.UndoRemovalFor))
		}
		refused(t, s, staffkey.ErrExpired, restore) // nothing to restore

		change(t, s, func(tx *store.Tx) error { return tx.RemoveSecurityKey(amara.ID, blue.ID) })
		if got := get(t, s, findKey(blue)); got.State != staffkey.SecurityKeyRemoved || got.RemovedAt != clock.Now() {
			t.Errorf("removed key is %s at %v, want %v", got.State, got.RemovedAt, clock.Now())
		}
		refused(t, s, staffkey.ErrExpired, func(tx *store.Tx) error { return tx.RestoreKey(ownerOf(bryn.ID), blue.ID, time.Time{}) })
		clock.Advance(staffkey.UndoRemovalFor) // the last instant
		change(t, s, restore)
		if diff := cmp.Diff(withoutRegistration(blue), get(t, s, findKey(blue)), exactTimes); diff != "" {
			t.Errorf("restored key (-want +got)\n%s", diff)
		}
		change(t, s, func(tx *store.Tx) error { return tx.RemoveSecurityKey(amara.ID, blue.ID) })
		clock.Advance(staffkey.UndoRemovalFor + time.Microsecond)
		refused(t, s, staffkey.ErrExpired, restore)
	})
}

// What a use finds is what a look has read, until somebody changes something that a decision about it stands on.
func TestUseSecurityKey_finds_what_has_changed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		p := addPerson(t, s, w.trust.ID, "amara")
		key := addKey(t, s, p.ID, "Blue")
		change(t, s, func(tx *store.Tx) error {
			return tx.PutPolicySettings(w.region.ID, staffkey.PolicySettings{MaxKeys: new(3)})
		})
		look := func() store.KeyHolder {
			return get(t, s, func(tx *store.Tx) (store.KeyHolder, error) { return tx.FindKeyHolder(key.CredentialID) })
		}
		use := func(h store.KeyHolder) error {
			return s.Change(t.Context(), event, func(tx *store.Tx) error {
				return tx.UseSecurityKey(store.KeyUse{Key: key.ID, SeenCount: h.Key.SignCount, Count: h.Key.SignCount + 1}, h.Basis)
			})
		}
		if h := look(); use(h) != nil {
			t.Errorf("with nothing changed: the use finds something else than %+v", h.Basis)
		}
		for what, fn := range map[string]func(*store.Tx) error{
			"policy above": func(tx *store.Tx) error {
				return tx.PutPolicySettings(w.root.ID, staffkey.PolicySettings{MaxKeys: new(4)})
			},
			"policy": func(tx *store.Tx) error {
				return tx.PutPolicySettings(w.region.ID, staffkey.PolicySettings{MaxKeys: new(5)})
			},
			"trust": func(tx *store.Tx) error {
				_, err := tx.NoteTrust(staffkey.TrustBroken, 7, key.ID)
				return err
			},
		} {
			h := look()
			change(t, s, fn)
			if err := use(h); !errors.Is(err, store.ErrOtherBasis) {
				t.Errorf("%s: got error %v, want ErrOtherBasis", what, err)
			}
			if now := look(); now.Key.SignCount != h.Key.SignCount {
				t.Errorf("%s: the counter is %d, want %d as before", what, now.Key.SignCount, h.Key.SignCount)
			}
		}
	})
}

func TestUseSecurityKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		key := addKey(t, s, amara.ID, "Blue")
		use := func(k staffkey.SecurityKey, seen, count uint32) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				return tx.UseSecurityKey(store.KeyUse{Key: k.ID, SeenCount: seen, Count: count, BackupState: true, Where: "Firefox on Linux", RPID: k.RPID}, store.Basis{Trust: k.Trust})
			}
		}
		change(t, s, use(key, 41, math.MaxUint32))
		want := withoutRegistration(key)
		want.SignCount, want.BackupState, want.LastUsedAt, want.LastUsedWhere = math.MaxUint32, true, clock.Now(), "Firefox on Linux"
		if diff := cmp.Diff(want, get(t, s, findKey(key)), exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		clock.Advance(time.Hour)
		refused(t, s, staffkey.ErrConflict, use(key, 41, 42)) // compared with a counter that has moved
		for _, state := range allStates {
			if state == staffkey.SecurityKeyActive {
				continue
			}
			k := newKey(amara.ID, "Key "+string(state))
			k.State = state
			change(t, s, func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
			refused(t, s, staffkey.ErrConflict, use(k, 41, 42))
		}
		refused(t, s, staffkey.ErrConflict, use(staffkey.SecurityKey{ID: "none"}, 41, 42))
		if diff := cmp.Diff(want, get(t, s, findKey(key)), exactTimes); diff != "" {
			t.Errorf("a refused use changed the key (-want +got)\n%s", diff)
		}

		// Of many answers with the same counter one counts.
		for round := range uint32(3) {
			key := addKey(t, s, amara.ID, "Round "+string(rune('a'+round)))
			oneOnly(t, parallel(16, func(int) error { return s.Change(context.Background(), event, use(key, 41, 42)) }), staffkey.ErrConflict)
		}
	})
}

// A use tells what a key answers for, and of a key that was known as part of a device, or reached over the air, that it can be the other too.
func TestUseSecurityKey_learns_how_a_key_is_reached(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		for i, test := range []struct {
			before  []string
			reached string
			want    []string
		}{
			{[]string{"internal"}, "cross-platform", []string{"internal", "hybrid"}},
			{[]string{"internal"}, "platform", []string{"internal"}},
			{[]string{"hybrid"}, "platform", []string{"hybrid", "internal"}},
			{[]string{"hybrid"}, "", []string{"hybrid"}},
			{[]string{"usb"}, "cross-platform", []string{"usb"}},
			{[]string{"usb"}, "platform", []string{"usb"}},
			{nil, "platform", nil},
		} {
			k := newKey(amara.ID, fmt.Sprint("Key ", i))
			k.Transports, k.RPID = test.before, ""
			change(t, s, func(tx *store.Tx) error {
				if err := tx.InsertSecurityKey(k); err != nil {
					return err
				}
				return tx.UseSecurityKey(store.KeyUse{Key: k.ID, SeenCount: 41, Count: 42, RPID: "example.org", Reached: test.reached}, store.Basis{Trust: k.Trust})
			})
			if got := get(t, s, findKey(k)); !slices.Equal(got.Transports, test.want) || got.RPID != "example.org" {
				t.Errorf("%v, reached by %q: transports %v of %q, want %v of example.org", test.before, test.reached, got.Transports, got.RPID, test.want)
			}
		}
	})
}

func TestPendingKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		add := func(p staffkey.Person, state staffkey.SecurityKeyState, at time.Time) staffkey.SecurityKey {
			k := newKey(p.ID, "")
			k.State, k.RegisteredAt = state, at
			change(t, s, func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
			return k
		}
		limit := clock.Now().Add(-staffkey.PendingKeyLife)
		old := add(amara, staffkey.SecurityKeyPending, limit.Add(-time.Microsecond))
		young := add(amara, staffkey.SecurityKeyPending, limit)
		active := add(amara, staffkey.SecurityKeyActive, limit.Add(-time.Hour))
		other := add(bryn, staffkey.SecurityKeyPending, clock.Now())
		var swept int64
		change(t, s, func(tx *store.Tx) (err error) {
			swept, err = tx.SweepPendingKeys(limit)
			return err
		})
		if swept != 1 {
			t.Errorf("swept %d keys, want 1", swept)
		}
		missing(t, s, staffkey.ErrNotFound, findKey(old))

		next := add(amara, staffkey.SecurityKeyPending, clock.Now())
		change(t, s, func(tx *store.Tx) error { return tx.DeletePendingKeys(amara.ID, next.ID) })
		missing(t, s, staffkey.ErrNotFound, findKey(young))
		for _, k := range []staffkey.SecurityKey{next, active, other} {
			get(t, s, findKey(k))
		}
	})
}

func TestRestoreSecurityKey_keeps_a_hold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		held := newKey(amara.ID, "Held")
		held.State = staffkey.SecurityKeySuspended
		change(t, s, func(tx *store.Tx) error { return tx.InsertSecurityKey(held) })
		change(t, s, func(tx *store.Tx) error { return tx.RemoveSecurityKey(amara.ID, held.ID) })
		refused(t, s, staffkey.ErrExpired, func(tx *store.Tx) error { return tx.RestoreKey(ownerOf(amara.ID), held.ID, time.Time{}) })
		change(t, s, func(tx *store.Tx) error {
			return tx.RestoreStoppedKey(amara.ID, held.ID, tx.Now.Add(-staffkey.UndoRemovalFor))
		})
		if got := get(t, s, findKey(held)).State; got != staffkey.SecurityKeySuspended {
			t.Errorf("after undo the key is %s, want suspended", got)
		}
	})
}
