package store_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestOrganisationRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		o := staffkey.Organisation{
			ID: store.NewID[staffkey.OrganisationID](), Parent: w.trust.ID, Code: "Ward-7", Name: "Ysbyty Gwynedd's ward", Phone: "", CreatedAt: odd,
		}
		change(t, s, func(tx *store.Tx) error { return tx.InsertOrganisation(o) })
		want := o
		want.CreatedAt = stored
		for name, find := range map[string]func(*store.Tx) (staffkey.Organisation, error){
			"by id":   func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindOrganisation(o.ID) },
			"by code": func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindOrganisationByCode("wArD-7") },
			"by full-width": func(tx *store.Tx) (staffkey.Organisation, error) {
				return tx.FindOrganisationByCode("ｗａｒｄ-７")
			},
			"with spaces about": func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindOrganisationByCode(" ward-7 ") },
		} {
			if diff := cmp.Diff(want, get(t, s, find), exactTimes); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", name, diff)
			}
		}

		want.Code, want.Name, want.Phone = "WARD-8", "Ward 8", "01632 960009"
		change(t, s, func(tx *store.Tx) error { return tx.UpdateOrganisation(want) })
		got := get(t, s, func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindOrganisationByCode("ward-8") })
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("after update (-want +got)\n%s", diff)
		}
		root := get(t, s, func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindRootOrganisation() })
		if diff := cmp.Diff(w.root, root, exactTimes); diff != "" {
			t.Errorf("root (-want +got)\n%s", diff)
		}
	})
}

func TestOrganisationRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindRootOrganisation() })
		w := plant(t, s)
		insert := func(parent staffkey.OrganisationID, code string) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				return tx.InsertOrganisation(staffkey.Organisation{
					ID: store.NewID[staffkey.OrganisationID](), Parent: parent, Code: code, Name: "x", CreatedAt: stored,
				})
			}
		}
		refused(t, s, staffkey.ErrConflict, insert(w.root.ID, "rx1"))
		refused(t, s, staffkey.ErrConflict, insert(w.root.ID, "ＲＸ１"))
		refused(t, s, staffkey.ErrNotFound, insert("nowhere", "RX9"))
		taken := w.other
		taken.Code = "rX1"
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.UpdateOrganisation(taken) })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			return tx.UpdateOrganisation(staffkey.Organisation{ID: "nowhere", Code: "Q"})
		})
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindOrganisation("nowhere") })
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Organisation, error) { return tx.FindOrganisationByCode("RX9") })
	})
}

func TestOrganisationTree(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		addPerson(t, s, w.trust.ID, "amara")
		addPerson(t, s, w.trust.ID, "bryn")
		line := func(o staffkey.Organisation, depth, people int) store.OrganisationLine {
			return store.OrganisationLine{Organisation: o, Depth: depth, People: people}
		}
		for _, test := range []struct {
			name  string
			below staffkey.OrganisationID
			want  []store.OrganisationLine
		}{
			{"the root shows all, parents before children", w.root.ID, []store.OrganisationLine{
				line(w.root, 0, 0), line(w.region, 1, 0), line(w.other, 1, 0), line(w.trust, 2, 2),
			}},
			{"a region shows itself and below", w.region.ID, []store.OrganisationLine{line(w.region, 0, 0), line(w.trust, 1, 2)}},
			{"a leaf shows itself", w.other.ID, []store.OrganisationLine{line(w.other, 0, 0)}},
			{"nowhere shows nothing", "nowhere", nil},
			{"no scope shows nothing", "", nil},
		} {
			got := get(t, s, func(tx *store.Tx) ([]store.OrganisationLine, error) { return tx.ListOrganisations(test.below) })
			if diff := cmp.Diff(test.want, got, exactTimes); diff != "" {
				t.Errorf("%s (-want +got)\n%s", test.name, diff)
			}
		}

		got := get(t, s, func(tx *store.Tx) ([]staffkey.OrganisationID, error) { return tx.ListAncestors(w.trust.ID) })
		if diff := cmp.Diff([]staffkey.OrganisationID{w.trust.ID, w.region.ID, w.root.ID}, got); diff != "" {
			t.Errorf("ancestors of the trust (-want +got)\n%s", diff)
		}
		for _, test := range []struct {
			organisation, node staffkey.OrganisationID
			want               bool
		}{
			{w.trust.ID, w.trust.ID, true}, {w.trust.ID, w.region.ID, true}, {w.trust.ID, w.root.ID, true},
			{w.region.ID, w.trust.ID, false}, {w.trust.ID, w.other.ID, false}, {w.other.ID, w.region.ID, false},
			{"nowhere", w.root.ID, false}, {w.trust.ID, "", false},
		} {
			got := get(t, s, func(tx *store.Tx) (bool, error) { return tx.IsWithin(test.organisation, test.node) })
			if got != test.want {
				t.Errorf("IsWithin(%s, %s) = %t, want %t", test.organisation, test.node, got, test.want)
			}
		}
	})
}

func TestPolicyChain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		at := func(maxKeys int) staffkey.PolicySettings {
			return staffkey.PolicySettings{MaxKeys: &maxKeys, Sessions: &staffkey.SessionLimits{IdleAAL2: 60, AbsoluteAAL2: 1440, IdleAAL3: 15, AbsoluteAAL3: 720}}
		}
		chain := func(id staffkey.OrganisationID) []staffkey.PolicySettings {
			return get(t, s, func(tx *store.Tx) ([]staffkey.PolicySettings, error) { return tx.ListPolicyChain(id) })
		}
		if got := chain(w.trust.ID); len(got) != 0 {
			t.Errorf("a chain without decisions has %d settings, want 0", len(got))
		}
		methods := staffkey.PolicySettings{Methods: &[]staffkey.MethodKind{staffkey.MethodRecoveryCode}}
		change(t, s, func(tx *store.Tx) error {
			for id, settings := range map[staffkey.OrganisationID]staffkey.PolicySettings{
				w.root.ID: at(2), w.region.ID: methods, w.trust.ID: at(7), w.other.ID: at(9),
			} {
				if err := tx.PutPolicySettings(id, settings); err != nil {
					return err
				}
			}
			return tx.PutPolicySettings(w.root.ID, at(3)) // decided again
		})
		if diff := cmp.Diff([]staffkey.PolicySettings{at(7), methods, at(3)}, chain(w.trust.ID)); diff != "" {
			t.Errorf("chain of the trust (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]staffkey.PolicySettings{at(3)}, chain(w.root.ID)); diff != "" {
			t.Errorf("chain of the root (-want +got)\n%s", diff)
		}
		own := func(id staffkey.OrganisationID) staffkey.PolicySettings {
			return get(t, s, func(tx *store.Tx) (staffkey.PolicySettings, error) { return tx.FindPolicySettings(id) })
		}
		if diff := cmp.Diff(at(9), own(w.other.ID)); diff != "" {
			t.Errorf("own settings (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(staffkey.PolicySettings{}, own("nowhere")); diff != "" {
			t.Errorf("settings of nobody (-want +got)\n%s", diff)
		}
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.PutPolicySettings("nowhere", at(1)) })
	})
}
