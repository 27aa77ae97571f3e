package store_test

import (
	"errors"
	"fmt"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// What a sign-in reads of the policy is what is in force, whichever node changed it and at whichever level, and it is read once for each change.
func TestFindKeyHolder_reads_the_policy_once_for_each_change(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			one, two := storetest.OpenConfig(t, cfg), storetest.OpenConfig(t, cfg)
			w := plant(t, one)
			keys := map[staffkey.OrganisationID]staffkey.SecurityKey{}
			for i, o := range []staffkey.Organisation{w.trust, w.other, w.region} {
				keys[o.ID] = addKey(t, one, addPerson(t, one, o.ID, fmt.Sprintf("staff%d", i)).ID, "Blue")
			}
			check := func(when string) {
				t.Helper()
				for o, key := range keys {
					for name, s := range map[string]*store.Store{"one": one, "two": two} {
						want := get(t, s, func(tx *store.Tx) ([]staffkey.PolicySettings, error) { return tx.ListPolicyChain(o) })
						got := get(t, s, func(tx *store.Tx) (store.KeyHolder, error) { return tx.FindKeyHolder(key.CredentialID) })
						if diff := cmp.Diff(want, got.Policies); diff != "" {
							t.Errorf("%s, node %s (-want +got)\n%s", when, name, diff)
						}
					}
				}
			}
			check("before any policy")
			for n, o := range []staffkey.Organisation{w.root, w.trust, w.region, w.root, w.other} {
				s := []*store.Store{one, two}[n%2]
				change(t, s, func(tx *store.Tx) error {
					return tx.PutPolicySettings(o.ID, staffkey.PolicySettings{MaxKeys: new(3 + n), CoreMethods: &[]staffkey.MethodKind{"securitykey"}})
				})
				check(fmt.Sprintf("after change %d", n))
				check(fmt.Sprintf("again after change %d", n))
			}

			// A change of a policy that fails changes nothing of what is kept.
			err := one.Change(t.Context(), event, func(tx *store.Tx) error {
				if err := tx.PutPolicySettings(w.root.ID, staffkey.PolicySettings{MaxKeys: new(19)}); err != nil {
					return err
				}
				if h, err := tx.FindKeyHolder(keys[w.trust.ID].CredentialID); err != nil || *h.Policies[len(h.Policies)-1].MaxKeys != 19 {
					return fmt.Errorf("in the change: %v of %+v", err, h.Policies)
				}
				return staffkey.Refused("rule", "message")
			})
			if !errors.Is(err, staffkey.ErrRefused) {
				t.Error("the change is reported as made")
			}
			check("after a change that failed")
		})
	}
}

// Nobody changes a policy past [store.Tx.PutPolicySettings]; somebody who did would show that it is not read each time.
func TestFindKeyHolder_keeps_the_policy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		key := addKey(t, s, addPerson(t, s, w.trust.ID, "amara").ID, "Blue")
		most := func() int {
			h := get(t, s, func(tx *store.Tx) (store.KeyHolder, error) { return tx.FindKeyHolder(key.CredentialID) })
			return *h.Policies[0].MaxKeys
		}
		put := func(n int) {
			change(t, s, func(tx *store.Tx) error { return tx.PutPolicySettings(w.root.ID, staffkey.PolicySettings{MaxKeys: &n}) })
		}
		put(5)
		if n := most(); n != 5 {
			t.Fatalf("at most %d keys, want 5", n)
		}
		change(t, s, func(tx *store.Tx) error { return store.Exec(tx, "UPDATE policies SET settings = 'no JSON'") })
		if n := most(); n != 5 {
			t.Errorf("at most %d keys, want 5 as was read", n)
		}
		put(6)
		if n := most(); n != 6 {
			t.Errorf("at most %d keys, want 6", n)
		}
	})
}
