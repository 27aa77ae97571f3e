package directory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

const withNumber = "username,name,organisation,email,employee_number,state"

// leaver is somebody who has left, with all that a person can have.
func (w *world) leaver(t testing.TB) staffkey.Person {
	t.Helper()
	p, err := w.AddPerson(t.Context(), console, staffkey.Person{
		Username: "u0100", Name: "Amara Okafor", Email: "amara@x.example", EmployeeNumber: "E1001", Phone: "1", Organisation: "A",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.grant(t, p, staffkey.RoleHelpdesk, "A")
	if _, err := w.GrantException(t.Context(), console, p.ID, "new building", time.Hour); err != nil {
		t.Fatal(err)
	}
	err = w.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyRegistered, console), func(tx *store.Tx) error {
		k := staffkey.SecurityKey{
			ID: store.NewID[staffkey.SecurityKeyID](), Person: p.ID, CredentialID: []byte("credential"),
			PublicKey: []byte{1}, UserHandle: []byte{1}, AttestationObject: []byte{1}, ClientDataJSON: []byte{1}, RegisteredAt: tx.Now, RegisteredBy: p.ID,
		}
		k.State = staffkey.SecurityKeyPending
		if err := tx.InsertSecurityKey(k); err != nil {
			return err
		}
		if err := tx.NameKey(store.InUse{Owner: p, Notice: "notice.key_added"}, k.ID, "Lanyard"); err != nil {
			return err
		}
		if err := tx.NoteAsked(p.ID); err != nil {
			return err
		}
		return tx.SetLanguage(p.ID, "cy")
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A username that is given anew is refused, with both names, until an administrator has said whose it is.
func TestImportPeople_refuses_another_person(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		before := w.leaver(t)
		for _, row := range []string{
			"u0100,Quite Another,B,quite@x.example,E9999,active", "u0100,Amara Okafor,A,amara@x.example,E9999,", "u0100,Quite Another,B,quite@x.example,,active",
		} {
			report := w.importPeople(t, directory.Confirmed{}, withNumber, row)
			message := "person.other"
			if strings.Contains(row, ",,") {
				message = "person.other-unnumbered"
			}
			wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2  "+message)
			for _, want := range []string{"Amara Okafor", strings.Split(row, ",")[1], "--new-holder u0100", "--same-person u0100"} {
				if !strings.Contains(report.Problems[0].Text, want) {
					t.Errorf("%q does not name %q", report.Problems[0].Text, want)
				}
			}
		}
		before.State = staffkey.PersonDisabled
		if err := w.ChangePerson(t.Context(), console, before); err != nil {
			t.Fatal(err)
		}
		for _, file := range [][]string{
			{withNumber, "u0100,Quite Another,B,quite@x.example,E9999,active"},
			{withNumber, "u0100,Quite Another,B,quite@x.example,E9999,disabled"},
			{"username,name,organisation,state", "u0100,Quite Another,B,active"},
			{"username,name,organisation", "u0100,Quite Another,A"},
		} {
			report := w.importPeople(t, directory.Confirmed{NewHolders: []string{"u0101"}, SamePeople: []string{"u0102"}}, file...)
			if report.Refused != 1 || report.Problems[0].Column != "" || !strings.HasPrefix(report.Problems[0].Message.ID, "person.other") {
				t.Errorf("%s: got %+v, want it refused", file[1], report)
			}
		}
		if p := w.found(t, "u0100"); p.ID != before.ID || p.Name != "Amara Okafor" || p.State != staffkey.PersonDisabled {
			t.Errorf("got %+v, want the leaver unchanged", p)
		}
		refused := w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeRefused)
		if len(refused) != 7 || refused[0].Detail["rule"] != "other_person" || refused[0].Detail["reason"] != "Amara Okafor (E1001) would become Quite Another (E9999)" {
			t.Errorf("want 7 refusals recorded with both names, got %+v", refused)
		}
		// The same person comes back with everything.
		report := w.importPeople(t, directory.Confirmed{}, withNumber, "u0100,Amara Okafor,B,smith@x.example,e1001,active")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
	})
}

func TestImportPeople_new_holder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		before := w.leaver(t)
		w.put(t, before, policy.ActFreeze)
		said := directory.Confirmed{NewHolders: []string{"U0100"}}
		file := []string{"username,name,organisation,employee_number", "u0100,Quite Another,B,E9999"}
		report := w.importPeople(t, said, file...)
		wantReport(t, report, nil, "1 rows: added 1, changed 0, unchanged 0, refused 0")
		wantNotes(t, report, "2 username import.replaced")

		now := w.found(t, "u0100")
		want := staffkey.Person{ID: now.ID, Username: "u0100", Name: "Quite Another", EmployeeNumber: "E9999", Organisation: w.organisations["B"].ID, State: staffkey.PersonActive, CreatedAt: w.clock.Now()}
		if now != want || now.ID == before.ID {
			t.Errorf("the new holder is %+v, want %+v: somebody new with nothing of the leaver", now, want)
		}
		aside := w.found(t, "u0100~2026-11-23")
		if aside.ID != before.ID || aside.State != staffkey.PersonDisabled || aside.Name != "Amara Okafor" || aside.EmployeeNumber != "E1001" || aside.Email != "" || aside.FrozenAt.IsZero() {
			t.Errorf("the leaver is %+v, want disabled, without an address, the freeze not forgotten", aside)
		}
		if _, err := w.FindPerson(t.Context(), console, "amara@x.example"); err == nil {
			t.Error("the leaver's address still means somebody")
		}
		err := w.store.Read(t.Context(), func(tx *store.Tx) error {
			for _, p := range []staffkey.Person{now, aside} {
				keys, err := tx.ListSecurityKeys(p.ID, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended)
				if err != nil || len(keys) != 0 {
					t.Errorf("%s has keys %+v, %v", p.Username, keys, err)
				}
				grants, err := tx.ListRoleGrants(p.ID)
				if err != nil || len(grants) != 0 {
					t.Errorf("%s has roles %+v, %v", p.Username, grants, err)
				}
				exceptions, err := tx.ListExceptions(p.ID)
				if err != nil || len(exceptions) != 0 {
					t.Errorf("%s has exceptions %+v, %v", p.Username, exceptions, err)
				}
			}
			removed, err := tx.ListSecurityKeys(aside.ID, staffkey.SecurityKeyRemoved)
			if len(removed) != 1 {
				t.Errorf("the leaver's history has %d keys, want 1", len(removed))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		replaced := w.events(t, staffkey.EventPersonReplaced, staffkey.OutcomeDone)
		if len(replaced) != 1 || replaced[0].Person != before.ID || replaced[0].Subject != string(now.ID) || replaced[0].SubjectName != "Quite Another" ||
			replaced[0].Detail["put_aside"] != aside.Username || replaced[0].Detail["keys"] != "1" || replaced[0].Detail["person"] != "Amara Okafor" {
			t.Errorf("got %+v, want one event that tells it all", replaced)
		}
		if revoked := w.events(t, staffkey.EventRoleRevoked, staffkey.OutcomeDone); len(revoked) != 1 || revoked[0].Person != before.ID || revoked[0].Organisation != w.organisations["A"].ID {
			t.Errorf("got %+v, want the role's end recorded", revoked)
		}
		activity, err := w.Activity(t.Context(), w.actor(t, now), now.ID, directory.ActivityQuery{})
		if err != nil || len(activity.Events) != 1 || activity.Events[0].Kind != staffkey.EventPersonAdded {
			t.Errorf("the new holder sees %+v, %v, want that they were added and nothing of the leaver", activity.Events, err)
		}

		// The same command again changes nothing, and says that it took nothing off.
		report = w.importPeople(t, said, file...)
		wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 1, refused 0")
		wantNotes(t, report, "2 username import.not_replaced")
		if again := w.found(t, "u0100"); again != now {
			t.Errorf("again: got %+v", again)
		}
		// A second holder on the same day is put aside under a name of their own, and a new holder may begin disabled.
		report = w.importPeople(t, said, withNumber, "u0100,A Third,A,,E7,disabled")
		wantReport(t, report, nil, "1 rows: added 1, changed 0, unchanged 0, refused 0")
		if p := w.found(t, "u0100"); p.State != staffkey.PersonDisabled || p.Name != "A Third" || w.found(t, "u0100~2026-11-23.2").ID != now.ID {
			t.Errorf("got %+v, want the third, disabled", p)
		}
		// The leaver comes back under another name, by their number.
		report = w.importPeople(t, directory.Confirmed{SamePeople: []string{"okafor"}}, withNumber, "okafor,Amara Okafor,A,okafor@x.example,E1001,active")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
		if p := w.found(t, "okafor"); p.ID != before.ID || p.State != staffkey.PersonFrozen {
			t.Errorf("got %+v, want who it was, still frozen", p)
		}
	})
}

// A username that is an e-mail address, and an address that goes to the new holder with it.
func TestImportPeople_new_holder_of_an_address(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		file := func(name, number string) []string {
			return []string{withNumber, "info@x.example," + name + ",A,info@x.example," + number + ",", "other,Other,A,," + number + "0,"}
		}
		w.importPeople(t, directory.Confirmed{}, file("Amara", "1")...)
		before := w.found(t, "info@x.example")
		report := w.importPeople(t, directory.Confirmed{NewHolders: []string{"info@x.example"}, SamePeople: []string{"other"}}, file("Ben", "2")...)
		wantReport(t, report, nil, "2 rows: added 1, changed 1, unchanged 0, refused 0")
		aside := w.found(t, "info.x.example~2026-11-23")
		if aside.ID != before.ID || w.found(t, "info@x.example").Name != "Ben" {
			t.Errorf("put aside: %+v", aside)
		}
		aside.Phone = "1"
		if err := w.ChangePerson(t.Context(), console, aside); err != nil {
			t.Errorf("who is put aside cannot be changed: %v", err)
		}
	})
}

func TestImportPeople_same_person(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		before := w.leaver(t)
		report := w.importPeople(t, directory.Confirmed{SamePeople: []string{"u0100"}}, withNumber, "u0100,Amara Smith,A,smith@x.example,X2,")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
		if p := w.found(t, "u0100"); p.ID != before.ID || p.EmployeeNumber != "X2" || p.SetUpAt.IsZero() {
			t.Errorf("got %+v, want who it was with the new number", p)
		}
		if e := w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeDone); len(e) != 1 || e[0].Detail["confirmed"] != "same_person" {
			t.Errorf("got %+v, want it told that somebody said so", e)
		}
		// All numbers are new: the name or the address tells, and who has neither is refused.
		w.importPeople(t, directory.Confirmed{}, withNumber, "a,Ann,A,a@x.example,1,", "b,Bob,A,b@x.example,2,", "c,Cy,A,c@x.example,3,")
		report = w.importPeople(t, directory.Confirmed{Renumbered: true}, withNumber,
			"a,Ann,A,new@x.example,N1,", "b,Robert,A,b@x.example,N2,", "c,Quite Another,A,quite@x.example,N3,")
		wantReport(t, report, nil, "3 rows: added 0, changed 2, unchanged 0, refused 1", "4  person.other")
	})
}

// A new username with a number that is known: an account beside another of the file, or somebody renamed, or a question.
func TestImportPeople_new_username_with_a_known_number(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		before := w.leaver(t)
		alone := []string{withNumber, "smith,Amara Smith,A,smith@x.example,E1001,"}
		report := w.importPeople(t, directory.Confirmed{}, alone...)
		wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2 employee_number import.number_known")
		for _, want := range []string{"Amara Okafor", "“u0100”", "--same-person smith", "--new-holder smith"} {
			if !strings.Contains(report.Problems[0].Text, want) {
				t.Errorf("%q does not name %q", report.Problems[0].Text, want)
			}
		}
		// Elsewhere the number is somebody else's.
		report = w.importPeople(t, directory.Confirmed{}, withNumber, "elsewhere,Else,B,,E1001,")
		wantReport(t, report, nil, "1 rows: added 1, changed 0, unchanged 0, refused 0")
		// Both are in the file, in either order: two accounts of one person.
		report = w.importPeople(t, directory.Confirmed{RenameByNumber: true}, withNumber,
			"adm.early,Amara Okafor,A,,E1001,", "u0100,Amara Okafor,A,amara@x.example,E1001,", "adm.late,Amara Okafor,A,,E1001,", "two,Two,A,,E2,", "too,Too,A,,E2,")
		wantReport(t, report, nil, "5 rows: added 4, changed 0, unchanged 1, refused 0")
		// Now three have the number, and nobody knows which is meant.
		report = w.importPeople(t, directory.Confirmed{RenameByNumber: true}, alone...)
		wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2 employee_number import.number_ambiguous")
		report = w.importPeople(t, directory.Confirmed{NewHolders: []string{"smith"}}, alone...)
		wantReport(t, report, nil, "1 rows: added 1, changed 0, unchanged 0, refused 0")
		if w.found(t, "u0100").ID != before.ID || w.found(t, "smith").ID == before.ID {
			t.Error("somebody was renamed")
		}

		for name, said := range map[string]directory.Confirmed{"one": {SamePeople: []string{"renamed.one"}}, "all": {RenameByNumber: true}} {
			w.importPeople(t, directory.Confirmed{}, withNumber, name+",Person,A,"+name+"@x.example,N"+name+",")
			was := w.found(t, name)
			report = w.importPeople(t, said, withNumber, "renamed."+name+",Married,A,"+name+"@x.example,N"+name+",")
			wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
			if is := w.found(t, "renamed."+name); is.ID != was.ID || is.Name != "Married" {
				t.Errorf("%s: got %+v, want the person of before", name, is)
			}
			if _, err := w.FindPerson(t.Context(), console, name); err == nil {
				t.Errorf("%s: the old username still means somebody", name)
			}
		}
		// A file that ends in the middle does not say who is not in it.
		long := withNumber + "\ncut,Cut,A,,Nall,\n\"" + strings.Repeat("x", 70<<10)
		report, err := w.ImportPeopleConfirmed(t.Context(), console, strings.NewReader(long), directory.Confirmed{RenameByNumber: true}, nil)
		wantInvalid(t, err, "file", "import.row_long")
		wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2 employee_number import.number_known")
	})
}

func TestReplacePerson(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		before := w.leaver(t)
		admin, other := w.person(t, "la", "A"), w.person(t, "other", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		next := staffkey.Person{ID: before.ID, Username: "u0100", Name: "Quite Another", EmployeeNumber: "E9999", Organisation: "A1"}
		wantRefused(t, w.ChangePerson(ctx, console, next), "other_person")

		bad := next
		bad.Username = "other"
		_, err := w.ReplacePerson(ctx, console, bad)
		wantInvalid(t, err, "username", "username.taken")
		bad = next
		bad.State = staffkey.PersonFrozen
		_, err = w.ReplacePerson(ctx, console, bad)
		wantInvalid(t, err, "state", "person.state")
		bad = next
		bad.Organisation = "B"
		_, err = w.ReplacePerson(ctx, w.actor(t, admin), bad)
		wantRefused(t, err, "scope")
		_, err = w.ReplacePerson(ctx, w.actor(t, other), next)
		wantRefused(t, err, "scope")
		if got := len(w.events(t, staffkey.EventPersonReplaced, staffkey.OutcomeRefused)); got != 2 {
			t.Errorf("want two refusals recorded, got %d", got)
		}
		if w.found(t, "u0100").ID != before.ID {
			t.Fatal("a refusal has replaced the person")
		}
		added, err := w.ReplacePerson(ctx, w.actor(t, admin), next)
		if err != nil || added.ID == before.ID || w.found(t, "u0100").ID != added.ID || added.State != staffkey.PersonActive {
			t.Errorf("got %+v, %v", added, err)
		}
		if e := w.events(t, staffkey.EventPersonReplaced, staffkey.OutcomeDone); len(e) != 1 || e[0].Actor != admin.ID || e[0].Person != before.ID {
			t.Errorf("got %+v, want the administrator named", e)
		}

		// By somebody who says that it is one person, nothing but the number changes.
		added.EmployeeNumber = "E5"
		if err := w.ChangeSamePerson(ctx, w.actor(t, admin), added); err != nil || w.found(t, "u0100").ID != added.ID {
			t.Errorf("the same person: %v", err)
		}
		wantRefused(t, w.ChangeSamePerson(ctx, w.actor(t, other), added), "scope")

		w.grant(t, other, staffkey.RoleOperator, "R")
		_, err = w.ReplacePerson(ctx, console, staffkey.Person{ID: other.ID, Username: "other", Name: "Quite Another", Organisation: "A"})
		wantRefused(t, err, "last_operator")
		report := w.importPeople(t, directory.Confirmed{NewHolders: []string{"other"}, SamePeople: []string{"la"}}, withNumber, "other,Quite Another,A,quite@x.example,E8,", "new,New,A,,,")
		wantReport(t, report, nil, "2 rows: added 1, changed 0, unchanged 0, refused 1", "2  role.last_operator")
	})
}

// Two administrators at once: one gives the username away, another changes or disables who had it.
func TestReplacePerson_at_once(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for round := range 20 {
			p := w.person(t, fmt.Sprint("u", round), "A")
			next, gone := p, p
			next.Name, next.EmployeeNumber = "Quite Another", "E9"
			gone.State = staffkey.PersonDisabled
			errs := both(
				func() error { _, err := w.ReplacePerson(t.Context(), console, next); return err },
				func() error {
					if round%2 == 0 {
						return w.ChangePerson(t.Context(), console, gone)
					}
					_, err := w.ReplacePerson(t.Context(), console, next)
					return err
				},
			)
			holder := w.found(t, p.Username)
			if errs[0] != nil && errs[1] != nil || holder.ID == p.ID && round%2 == 1 {
				t.Fatalf("round %d: %v, the holder is %+v", round, errs, holder)
			}
			err := w.store.Read(t.Context(), func(tx *store.Tx) error {
				was, err := tx.FindPerson(p.ID)
				if was.State != staffkey.PersonDisabled || holder.ID == p.ID && errs[0] == nil {
					t.Errorf("round %d: the one before is %+v, the holder %+v, after %v", round, was, holder, errs)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
