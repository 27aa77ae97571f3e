package directory_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/store"

	"crypto/x509"
)

const testModel = "01000000-0000-0000-0000-000000000000"

// alliance is who signs metadata, with a directory that believes it.
type alliance struct {
	*world
	issuer    *mdstest.Issuer
	catalogue *securitykey.Catalogue
}

func eachWithMetadata(t *testing.T, body func(t *testing.T, w *alliance)) {
	t.Helper()
	each(t, func(t *testing.T, w *world) {
		a := &alliance{world: w, issuer: mdstest.New(t, w.clock.Now())}
		a.catalogue = a.node(t)
		body(t, a)
	})
}

// node gives the world a catalogue of its own, as another node has one.
func (a *alliance) node(t *testing.T) *securitykey.Catalogue {
	t.Helper()
	c := securitykey.NewCatalogue(mds.Trust{Roots: a.issuer.Roots()}, a.clock.Now)
	a.Directory = directory.New(directory.Deps{Store: a.store, Models: c})
	return c
}

func (a *alliance) blob(t *testing.T, number int, models ...any) []byte {
	t.Helper()
	return a.issuer.BLOB(t, number, a.clock.Now().AddDate(0, 1, 0), models...)
}

// F81: only who runs the whole installation decides what is known of models, and each try is recorded.
func TestImportMetadata_by_whom(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		operator, part, la, auditor := w.person(t, "operator", "R"), w.person(t, "part", "A"), w.person(t, "la", "R"), w.person(t, "auditor", "R")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.grant(t, la, staffkey.RoleLocalAdministrator, "R")
		w.grant(t, auditor, staffkey.RoleAuditor, "R")
		blob := w.blob(t, 57)
		for _, p := range []staffkey.Person{part, la, auditor} {
			if _, err := w.ImportMetadata(t.Context(), w.actor(t, p), blob, "blob.jwt", directory.ImportChoice{RefuseNow: true}); !errors.Is(err, staffkey.ErrRefused) {
				t.Errorf("%s: got error %v, want a refusal", p.Username, err)
			}
		}
		weak := w.weakly(t, operator)
		if _, err := w.ImportMetadata(t.Context(), weak, blob, "blob.jwt", directory.ImportChoice{RefuseNow: true}); !errors.Is(err, staffkey.ErrRefused) {
			t.Errorf("operator without a key: got error %v, want a refusal", err)
		}
		if got := len(w.events(t, staffkey.EventMetadataImported, staffkey.OutcomeRefused)); got != 4 {
			t.Errorf("%d refusals are recorded, want 4", got)
		}
		if w.catalogue.Loaded().Number != 0 {
			t.Fatal("refused metadata is in use")
		}
		m, err := w.ImportMetadata(t.Context(), w.actor(t, operator), blob, "blob.jwt", directory.ImportChoice{RefuseNow: true})
		if err != nil || m.Number != 57 || m.ImportedBy != operator.ID || w.catalogue.Loaded().Number != 57 {
			t.Errorf("operator: got %+v, error %v", m, err)
		}
		if _, err := w.ImportMetadata(t.Context(), console, blob, "blob.jwt", directory.ImportChoice{RefuseNow: true}); err != nil {
			t.Errorf("the same once more: got error %v", err)
		}
		if got := len(w.events(t, staffkey.EventMetadataImported, staffkey.OutcomeDone)); got != 1 {
			t.Errorf("%d imports are recorded, want 1", got)
		}
	})
}

func TestImportMetadata_never_goes_back(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		blobs := map[int][]byte{57: w.blob(t, 57), 58: w.blob(t, 58), 59: w.blob(t, 59)}
		// Three nodes at once, in any order: the highest stays, whoever was last.
		var group sync.WaitGroup
		for _, blob := range blobs {
			c := securitykey.NewCatalogue(mds.Trust{Roots: w.issuer.Roots()}, w.clock.Now)
			d := directory.New(directory.Deps{Store: w.store, Models: c})
			group.Go(func() {
				_, _ = d.ImportMetadata(context.Background(), console, blob, "blob.jwt", directory.ImportChoice{RefuseNow: true})
			}) // a lower one may be refused
		}
		group.Wait()
		m, err := w.Metadata(t.Context())
		if err != nil || m.Number != 59 {
			t.Fatalf("got metadata %d, error %v, want 59", m.Number, err)
		}
		if err := w.RefreshModels(t.Context()); err != nil || w.catalogue.Loaded().Number != 59 {
			t.Errorf("loaded %d, error %v, want 59", w.catalogue.Loaded().Number, err)
		}
		var refusal *staffkey.Refusal
		if _, err := w.ImportMetadata(t.Context(), console, blobs[58], "blob.jwt", directory.ImportChoice{RefuseNow: true}); !errors.As(err, &refusal) || refusal.Rule != "mds_rollback" {
			t.Errorf("an older issue: got error %v, want a refusal by mds_rollback", err)
		}
	})
}

// The signature's certificate must have been valid when the metadata was imported, and need not be for ever.
func TestRefreshModels_after_the_certificate_has_expired(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		if err := w.RefreshModels(t.Context()); err != nil {
			t.Fatalf("without metadata: %v", err)
		}
		if _, err := w.ImportMetadata(t.Context(), console, w.blob(t, 57), "blob.jwt", directory.ImportChoice{RefuseNow: true}); err != nil {
			t.Fatal(err)
		}
		late := w.blob(t, 58)
		w.clock.Advance(5 * 365 * 24 * time.Hour)
		if c := w.node(t); w.RefreshModels(t.Context()) != nil || c.Loaded().Number != 57 {
			t.Errorf("a node that starts later has metadata %d, want 57", c.Loaded().Number)
		}
		if _, err := w.ImportMetadata(t.Context(), console, late, "blob.jwt", directory.ImportChoice{RefuseNow: true}); !errors.Is(err, staffkey.ErrRefused) {
			t.Errorf("import with an expired certificate: got error %v, want a refusal", err)
		}
	})
}

// Of many nodes one asks, and what goes wrong is told once.
func TestFetchMetadata(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		asked := 0
		var answer []byte
		var problem error
		get := func(context.Context) ([]byte, error) { asked++; return answer, problem }
		fetch := func() error { return w.FetchMetadata(t.Context(), 24*time.Hour, "https://mds.example/", get) }

		problem = errors.New("no route to host")
		for range 3 {
			if err := fetch(); err != nil && !errors.Is(err, problem) {
				t.Fatal(err)
			}
		}
		w.clock.Advance(time.Hour + time.Second)
		for range 3 {
			if err := fetch(); err != nil && !errors.Is(err, problem) {
				t.Fatal(err)
			}
		}
		if asked != 2 {
			t.Errorf("asked %d times in an hour in which it went wrong, want 2", asked)
		}
		if m, err := w.Metadata(t.Context()); err != nil || m.Number != 0 || m.Problem != "no route to host" {
			t.Errorf("state %+v, error %v, want the problem", m, err)
		}
		if got := len(w.events(t, staffkey.EventMetadataFailed, staffkey.OutcomeDone)); got != 1 {
			t.Errorf("%d failures are recorded, want 1 for the same problem", got)
		}
		answer, problem = w.blob(t, 57), nil
		w.clock.Advance(time.Hour + time.Second)
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(23 * time.Hour)
		m, err := w.Metadata(t.Context())
		if err != nil || m.Number != 57 || m.Problem != "" || m.Source != "https://mds.example/" || w.catalogue.Loaded().Number != 57 {
			t.Errorf("state %+v, error %v, want number 57 without a problem", m, err)
		}
		if err := fetch(); err != nil || asked != 3 {
			t.Errorf("asked %d times, error %v, want 3", asked, err)
		}
	})
}

// F81: keys in use are judged again by each issue, and what changes is recorded.
func TestJudgeKeys(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		amara := w.person(t, "amara", "A1")
		k := w.attestedKey(t, amara)
		maker, err := softkey.DefaultIssuer()
		if err != nil {
			t.Fatal(err)
		}
		other, _ := mdstest.AttestationRoot(t, "Another maker", w.clock.Now())
		issue := func(number int, roots ...*x509.Certificate) {
			t.Helper()
			if _, err := w.ImportMetadata(t.Context(), console, w.blob(t, number, mdstest.Model{AAGUID: testModel, Description: "Test key", Roots: roots}), "blob.jwt", directory.ImportChoice{RefuseNow: true}); err != nil {
				t.Fatal(err)
			}
		}
		judged := func(want staffkey.Trust, by, changes int) {
			t.Helper()
			total := 0
			for {
				n, err := w.JudgeKeys(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if total += n; n == 0 {
					break
				}
			}
			var got staffkey.SecurityKey
			err := w.store.Read(t.Context(), func(tx *store.Tx) error {
				var err error
				got, err = tx.FindSecurityKey(amara.ID, k.ID)
				return err
			})
			if err != nil || got.Trust != want || got.JudgedBy != by || total != 1 {
				t.Errorf("trust %q by %d after %d keys, error %v, want %q by %d after 1", got.Trust, got.JudgedBy, total, err, want, by)
			}
			if got := len(w.events(t, staffkey.EventKeyJudged, staffkey.OutcomeDone)); got != changes {
				t.Errorf("%d changes are recorded, want %d", got, changes)
			}
		}
		judged(staffkey.TrustUnknown, 0, 0)
		issue(57, maker.Root())
		judged(staffkey.TrustProven, 57, 1)
		issue(58, other)
		judged(staffkey.TrustBroken, 58, 2)

		list, err := w.ListModels(t.Context(), console, "")
		if err != nil || len(list) != 1 || list[0].People != 1 || list[0].Keys != 1 || list[0].Name != "Test key" {
			t.Errorf("models %+v, error %v, want one that one person uses", list, err)
		}
		for organisation, people := range map[staffkey.OrganisationID]int{"A": 1, "A1": 1, "B": 0} {
			list, err := w.ListModels(t.Context(), console, organisation)
			if err != nil || len(list) != 1 || list[0].People != people {
				t.Errorf("models of %s: %+v, error %v, want %d people", organisation, list, err, people)
			}
		}
		if _, err := w.ListModels(t.Context(), w.actor(t, amara), ""); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("a person without a role: got error %v, want not found", err)
		}
	})
}

// attestedKey puts a key on a person's list whose registration bytes are real.
func (a *alliance) attestedKey(t *testing.T, p staffkey.Person) staffkey.SecurityKey {
	t.Helper()
	var object, clientData []byte
	key := softkey.New(softkey.Options{
		AAGUID: [16]byte{1}, Attestation: softkey.AttestationPacked,
		Tamper: func(_ softkey.Stage, parts *softkey.Parts) {
			object, clientData = parts.AttestationObject, parts.ClientDataJSON
		},
	})
	options := `{"rp":{"id":"staff.example"},"user":{"id":"AAAA","name":"a","displayName":"A"},"challenge":"AAAA",
		"pubKeyCredParams":[{"type":"public-key","alg":-7}],"attestation":"direct"}`
	if _, err := key.Create("https://staff.example", []byte(options)); err != nil {
		t.Fatal(err)
	}
	k := staffkey.SecurityKey{
		ID: store.NewID[staffkey.SecurityKeyID](), Person: p.ID, State: staffkey.SecurityKeyActive, Nickname: "Blue", AAGUID: testModel,
		CredentialID: []byte("credential"), PublicKey: []byte("key"), UserHandle: []byte("handle"), RegisteredAt: a.clock.Now(), RegisteredBy: p.ID,
		AttestationFormat: "packed", AttestationObject: object, ClientDataJSON: clientData, JudgedBy: -1,
	}
	err := a.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyNamed, console), func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
	if err != nil {
		t.Fatal(err)
	}
	return k
}
