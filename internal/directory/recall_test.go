package directory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// modelKey puts a key of a firmware of the test's model on a person's list.
func (a *alliance) modelKey(t *testing.T, p staffkey.Person, firmware string) staffkey.SecurityKeyID {
	t.Helper()
	return a.keyOf(t, p, testModel, firmware)
}

// keyOf puts a key of a proven model and firmware on a person's list.
func (a *alliance) keyOf(t *testing.T, p staffkey.Person, model, firmware string) staffkey.SecurityKeyID {
	t.Helper()
	return a.keyLike(t, p, staffkey.SecurityKey{AAGUID: model, Firmware: firmware, Trust: staffkey.TrustProven, UserVerified: true})
}

// keyLike puts a key like another on a person's list.
func (a *alliance) keyLike(t *testing.T, p staffkey.Person, k staffkey.SecurityKey) staffkey.SecurityKeyID {
	t.Helper()
	id := store.NewID[staffkey.SecurityKeyID]()
	k.ID, k.Person, k.State, k.Nickname = id, p.ID, staffkey.SecurityKeyActive, "Blue "+k.Firmware
	k.CredentialID, k.PublicKey, k.UserHandle, k.AttestationObject, k.ClientDataJSON = []byte(id), []byte("key"), []byte(id), []byte{}, []byte{}
	k.RegisteredAt, k.RegisteredBy, k.JudgedBy = a.clock.Now(), p.ID, -1
	err := a.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyNamed, console), func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (a *alliance) recall(organisation string) staffkey.Recall {
	return staffkey.Recall{
		AAGUID: testModel, Organisation: staffkey.OrganisationID(organisation), Reason: "Advisory", FirmwareBelow: "5.7", Until: a.clock.Now().AddDate(0, 0, 14),
	}
}

// counted shows progress as "code affected left", all together first.
func counted(p directory.RecallProgress) []string {
	list := []string{fmt.Sprint("all ", p.Total.Affected, " ", p.Total.Left)}
	for _, c := range p.Organisations {
		list = append(list, fmt.Sprint(c.Organisation.Code, " ", c.Affected, " ", c.Left))
	}
	return list
}

// F83: operators recall, and others see how far it has come where they look after people.
func TestRecall_by_whom(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		operator, elsewhere, la, auditor, nobody := w.person(t, "operator", "R"), w.person(t, "elsewhere", "B"), w.person(t, "la", "A1"), w.person(t, "auditor", "R"), w.person(t, "nobody", "A1")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.grant(t, elsewhere, staffkey.RoleLocalAdministrator, "B")
		w.grant(t, la, staffkey.RoleLocalAdministrator, "A1")
		w.grant(t, auditor, staffkey.RoleAuditor, "R")
		w.modelKey(t, nobody, "5.2")
		for _, p := range []staffkey.Person{elsewhere, la, auditor, nobody} {
			if _, err := w.StartRecall(t.Context(), w.actor(t, p), w.recall("A")); !errors.Is(err, staffkey.ErrRefused) {
				t.Errorf("%s starts: got error %v, want a refusal", p.Username, err)
			}
			if _, err := w.PreviewRecall(t.Context(), w.actor(t, p), w.recall("A")); !errors.Is(err, staffkey.ErrRefused) {
				t.Errorf("%s previews: got error %v, want a refusal", p.Username, err)
			}
		}
		if got := len(w.events(t, staffkey.EventRecallStarted, staffkey.OutcomeRefused)); got != 4 {
			t.Errorf("%d refusals are recorded, want 4", got)
		}
		r, err := w.StartRecall(t.Context(), w.actor(t, operator), w.recall("A"))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			p    staffkey.Person
			want []string
		}{{operator, []string{"all 1 1", "A1 1 1"}}, {la, []string{"all 1 1", "A1 1 1"}}, {auditor, []string{"all 1 1", "A1 1 1"}}} {
			p, err := w.FindRecall(t.Context(), w.actor(t, test.p), r.ID)
			if diff := cmp.Diff(test.want, counted(p)); err != nil || diff != "" {
				t.Errorf("%s: error %v, progress (-want +got):\n%s", test.p.Username, err, diff)
			}
			if list, err := w.ListRecalls(t.Context(), w.actor(t, test.p)); err != nil || len(list) != 1 {
				t.Errorf("%s lists %d recalls, error %v, want 1", test.p.Username, len(list), err)
			}
		}
		for _, p := range []staffkey.Person{elsewhere, nobody} {
			if _, err := w.FindRecall(t.Context(), w.actor(t, p), r.ID); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("%s: got error %v, want not found", p.Username, err)
			}
			if list, err := w.ListRecalls(t.Context(), w.actor(t, p)); err != nil || len(list) != 0 {
				t.Errorf("%s lists %d recalls, error %v, want none", p.Username, len(list), err)
			}
		}
		for _, p := range []staffkey.Person{elsewhere, la, auditor, nobody} {
			if err := w.UndoRecall(t.Context(), w.actor(t, p), r.ID); !errors.Is(err, staffkey.ErrRefused) {
				t.Errorf("%s undoes: got error %v, want a refusal", p.Username, err)
			}
		}
		if err := w.UndoRecall(t.Context(), w.actor(t, operator), r.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.UndoRecall(t.Context(), w.actor(t, operator), r.ID); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("undone twice: got error %v, want expired", err)
		}
	})
}

// F83: who is affected, by firmware, and how far replacing has come; nothing can be taken back after the date.
func TestRecall_progress(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		low, high, untold, other := w.person(t, "low", "A1"), w.person(t, "high", "A1"), w.person(t, "untold", "A"), w.person(t, "other", "B")
		lowKey := w.modelKey(t, low, "5.2")
		w.modelKey(t, low, "5.6.9")
		w.modelKey(t, high, "5.7")
		w.keyLike(t, untold, staffkey.SecurityKey{AAGUID: testModel, Firmware: "5.7", Trust: staffkey.TrustBroken, UserVerified: true}) // claimed, not proven
		w.modelKey(t, other, "5.2")
		gone := w.person(t, "gone", "A1") // who may not sign in is not waited for
		w.modelKey(t, gone, "5.2")
		gone.State = staffkey.PersonDisabled
		if err := w.ChangePerson(t.Context(), console, gone); err != nil {
			t.Fatal(err)
		}
		preview, err := w.PreviewRecall(t.Context(), console, w.recall("A"))
		if diff := cmp.Diff([]string{"all 2 2", "A 1 1", "A1 1 1"}, counted(preview)); err != nil || diff != "" {
			t.Errorf("preview: error %v (-want +got):\n%s", err, diff)
		}
		r, err := w.StartRecall(t.Context(), console, w.recall("A"))
		if err != nil {
			t.Fatal(err)
		}
		k := staffkey.SecurityKey{AAGUID: testModel, Firmware: "5.2"}
		if got := w.catalogue.RecallsOf(k); len(got) != 1 || got[0].ID != r.ID {
			t.Errorf("this node knows recalls %v, want %s", got, r.ID)
		}
		if got := w.catalogue.RecallsOf(staffkey.SecurityKey{AAGUID: testModel, Firmware: "5.7", Trust: staffkey.TrustProven}); len(got) != 0 {
			t.Errorf("of a newer firmware: %v, want none", got)
		}
		if got := w.catalogue.RecallsOf(staffkey.SecurityKey{AAGUID: testModel, Firmware: "5.7", Trust: staffkey.TrustUnknown}); len(got) != 1 {
			t.Errorf("of a newer firmware that is claimed only: %v, want one", got)
		}
		w.clock.Advance(time.Hour)
		progress := func(want ...string) {
			t.Helper()
			p, err := w.FindRecall(t.Context(), console, r.ID)
			if diff := cmp.Diff(want, counted(p)); err != nil || diff != "" {
				t.Errorf("progress: error %v (-want +got):\n%s", err, diff)
			}
		}
		remove := func(p staffkey.Person, id staffkey.SecurityKeyID) {
			t.Helper()
			err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyRemoved, console), func(tx *store.Tx) error { return tx.RemoveSecurityKey(p.ID, id) })
			if err != nil {
				t.Fatal(err)
			}
		}
		remove(low, lowKey)
		progress("all 2 2", "A 1 1", "A1 1 1") // the other one is still there
		for _, k := range w.keysOf(t, low) {
			if k.ID != lowKey {
				remove(low, k.ID)
			}
		}
		progress("all 2 1", "A 1 1", "A1 1 0")

		second := w.node(t) // as another node has it, and a process started anew
		if err := w.RefreshModels(t.Context()); err != nil || len(second.RecallsOf(k)) != 1 {
			t.Errorf("another node knows recalls %v, error %v, want one", second.RecallsOf(k), err)
		}
		w.clock.Advance(15 * 24 * time.Hour)
		if err := w.UndoRecall(t.Context(), console, r.ID); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("after the date: got error %v, want expired", err)
		}
	})
}

// Everybody concerned is told once, in pieces, and told again when it is taken back.
func TestTellOfRecalls(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		const people = 250 // more than one piece
		for i := range people {
			p := w.person(t, fmt.Sprintf("p%03d", i), "A1")
			w.modelKey(t, p, "5.2")
			if i == 0 {
				w.modelKey(t, p, "5.9") // not concerned
			}
		}
		r, err := w.StartRecall(t.Context(), console, w.recall("A"))
		if err != nil {
			t.Fatal(err)
		}
		tell := func(template string, want int) {
			t.Helper()
			for range 10 {
				if n, err := w.TellOfRecalls(t.Context()); err != nil {
					t.Fatal(err)
				} else if n == 0 {
					break
				}
			}
			told := map[staffkey.PersonID]int{}
			err := w.store.Read(t.Context(), func(tx *store.Tx) error {
				list, err := tx.ListOutgoing(store.OutgoingFilter{})
				for _, o := range list {
					if o.Template == template {
						told[o.Person]++
					}
				}
				return err
			})
			if err != nil || len(told) != want {
				t.Errorf("%d people got %s, error %v, want %d", len(told), template, err, want)
			}
			for p, n := range told {
				if n != 1 {
					t.Errorf("%s got %d, want 1", p, n)
				}
			}
		}
		tell("notice.key_recalled", people)
		tell("notice.key_recalled", people)
		if err := w.UndoRecall(t.Context(), console, r.ID); err != nil {
			t.Fatal(err)
		}
		tell("notice.recall_undone", people)
	})
}

func (w *world) keysOf(t *testing.T, p staffkey.Person) (keys []staffkey.SecurityKey) {
	t.Helper()
	err := w.store.Read(t.Context(), func(tx *store.Tx) error {
		var err error
		keys, err = tx.ListSecurityKeys(p.ID, staffkey.SecurityKeyActive)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
