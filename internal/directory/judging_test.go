package directory_test

import (
	"crypto/x509"
	"fmt"
	"sync"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// judging stops in the middle of judging keys.
type judging struct {
	catalogue
	reached, goOn chan struct{}
}

type catalogue = directory.Models

func (j judging) Judge(k staffkey.SecurityKey) (staffkey.Trust, int) {
	trust, by := j.catalogue.Judge(k)
	j.reached <- struct{}{}
	<-j.goOn
	return trust, by
}

// What two nodes find out at once is recorded once, and what one knew by older metadata does not come last.
func TestJudgeKeys_on_two_nodes(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		amara := w.person(t, "amara", "A1")
		k := w.attestedKey(t, amara)
		maker, err := softkey.DefaultIssuer()
		if err != nil {
			t.Fatal(err)
		}
		other, _ := mdstest.AttestationRoot(t, "Another maker", w.clock.Now())
		issue := func(number int, root *x509.Certificate) {
			t.Helper()
			if _, err := w.ImportMetadata(t.Context(), console, w.blob(t, number, mdstest.Model{AAGUID: testModel, Description: "Test key", Roots: []*x509.Certificate{root}}), "blob.jwt", directory.ImportChoice{RefuseNow: true}); err != nil {
				t.Fatal(err)
			}
		}
		judge := func(d *directory.Directory, want int) {
			t.Helper()
			if n, err := d.JudgeKeys(t.Context()); n != want || err != nil {
				t.Errorf("%d keys were judged (error %v), want %d", n, err, want)
			}
		}
		begin := func() (end func()) {
			j := judging{w.catalogue, make(chan struct{}), make(chan struct{})}
			d := directory.New(directory.Deps{Store: w.store, Models: j})
			var running sync.WaitGroup
			running.Go(func() { judge(d, 1) })
			<-j.reached
			return func() {
				close(j.goOn)
				running.Wait()
			}
		}
		is := func(trust staffkey.Trust, by, changes int) {
			t.Helper()
			err := w.store.Read(t.Context(), func(tx *store.Tx) error {
				got, err := tx.FindSecurityKey(amara.ID, k.ID)
				if got.Trust != trust || got.JudgedBy != by {
					t.Errorf("trust %q by %d, want %q by %d", got.Trust, got.JudgedBy, trust, by)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if got := len(w.events(t, staffkey.EventKeyJudged, staffkey.OutcomeDone)); got != changes {
				t.Errorf("%d changes are recorded, want %d", got, changes)
			}
		}
		judge(w.Directory, 1)
		issue(57, maker.Root())
		end := begin()
		judge(w.Directory, 1)
		end()
		is(staffkey.TrustProven, 57, 1)

		issue(58, other)
		end = begin()
		issue(59, maker.Root())
		judge(w.Directory, 1)
		end()
		is(staffkey.TrustProven, 59, 1)
		judge(w.Directory, 0)
	})
}

// Many keys are judged in parts, and each is judged once.
func TestJudgeKeys_many(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		amara := w.person(t, "amara", "A1")
		const keys = 1203
		err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyNamed, console), func(tx *store.Tx) error {
			for i := range keys {
				id := store.NewID[staffkey.SecurityKeyID]()
				k := staffkey.SecurityKey{
					ID: id, Person: amara.ID, State: staffkey.SecurityKeyActive, Nickname: fmt.Sprint("Blue ", i), AAGUID: testModel, CredentialID: []byte(id),
					PublicKey: []byte("key"), UserHandle: []byte(id), RegisteredAt: tx.Now, RegisteredBy: amara.ID, Trust: staffkey.TrustProven,
					AttestationObject: []byte{}, ClientDataJSON: []byte{}, JudgedBy: -1,
				}
				if i%100 == 0 {
					k.State = staffkey.SecurityKeyRemoved // not looked at any more
				}
				if err := tx.InsertSecurityKey(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var parts []int
		for {
			n, err := w.JudgeKeys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			parts = append(parts, n)
		}
		if diff := cmp.Diff([]int{500, 500, 190}, parts); diff != "" {
			t.Errorf("keys judged in each part (-want +got):\n%s", diff)
		}
		// Bytes that cannot be read prove nothing.
		if got := len(w.events(t, staffkey.EventKeyJudged, staffkey.OutcomeDone)); got != keys-13 {
			t.Errorf("%d changes are recorded, want %d", got, keys-13)
		}
	})
}
