package policy

import (
	"errors"
	"testing"
	"time"

	"staffkey"
)

// ruleOf is the rule of a refusal, or "".
func ruleOf(err error) string {
	var r *staffkey.Refusal
	if errors.As(err, &r) {
		return r.Rule
	}
	return ""
}

// Every act from every state: where it leads, or which rule refuses it.
func TestChangeState(t *testing.T) {
	t.Parallel()
	now, before := time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	active, disabled, frozen := staffkey.PersonActive, staffkey.PersonDisabled, staffkey.PersonFrozen
	for _, c := range []struct {
		from  staffkey.PersonState
		since time.Time
		act   PersonAct
		to    staffkey.PersonState
		until time.Time
		rule  string
	}{
		{active, time.Time{}, ActEnable, active, time.Time{}, ""},
		{active, time.Time{}, ActDisable, disabled, time.Time{}, ""},
		{active, time.Time{}, ActFreeze, frozen, now, ""},
		{active, time.Time{}, ActUndoFreeze, "", time.Time{}, "not_frozen"},
		{active, time.Time{}, ActUnfreeze, "", time.Time{}, "not_frozen"},
		{active, before, ActFreeze, frozen, now, ""}, // what an earlier release left behind says nothing
		{active, before, ActDisable, disabled, time.Time{}, ""},

		{disabled, time.Time{}, ActEnable, active, time.Time{}, ""},
		{disabled, time.Time{}, ActDisable, disabled, time.Time{}, ""},
		{disabled, time.Time{}, ActFreeze, "", time.Time{}, "person_disabled"},
		{disabled, time.Time{}, ActUndoFreeze, "", time.Time{}, "person_disabled"},
		{disabled, time.Time{}, ActUnfreeze, "", time.Time{}, "person_disabled"},

		{disabled, before, ActEnable, frozen, before, ""},
		{disabled, before, ActDisable, disabled, before, ""},
		{disabled, before, ActFreeze, "", time.Time{}, "person_disabled"},
		{disabled, before, ActUndoFreeze, "", time.Time{}, "person_disabled"},
		{disabled, before, ActUnfreeze, "", time.Time{}, "person_disabled"},

		{frozen, before, ActEnable, frozen, before, ""},
		{frozen, before, ActDisable, disabled, before, ""},
		{frozen, before, ActFreeze, frozen, before, ""},
		{frozen, before, ActUndoFreeze, active, time.Time{}, ""},
		{frozen, before, ActUnfreeze, active, time.Time{}, ""},

		{"asleep", time.Time{}, ActEnable, "", time.Time{}, "person_disabled"},
		{active, time.Time{}, "promote", "", time.Time{}, "not_frozen"},
	} {
		p := staffkey.Person{ID: "p", Name: "Amara", State: c.from, FrozenAt: c.since}
		got, err := ChangeState(p, c.act, now)
		if c.rule != "" {
			if r := ruleOf(err); r != c.rule || got.State != p.State || got.FrozenAt != p.FrozenAt {
				t.Errorf("%s from %s: got %+v by %q, want a refusal by %q and nothing changed", c.act, c.from, got, r, c.rule)
			}
			continue
		}
		if err != nil || got.State != c.to || got.FrozenAt != c.until || got.ID != "p" || got.Name != "Amara" {
			t.Errorf("%s from %s (frozen at %v): got %s, %v, %v, want %s, %v", c.act, c.from, c.since, got.State, got.FrozenAt, err, c.to, c.until)
		}
	}
}

func TestTellState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, told, want staffkey.PersonState }{
		{"active", "", "active"}, {"active", "active", "active"}, {"active", "disabled", "disabled"}, {"active", "frozen", ""},
		{"disabled", "", "disabled"}, {"disabled", "active", "active"}, {"disabled", "disabled", "disabled"}, {"disabled", "frozen", ""},
		{"frozen", "", "frozen"}, {"frozen", "active", "frozen"}, {"frozen", "disabled", "disabled"}, {"frozen", "frozen", "frozen"},
		{"active", "sleeping", ""}, {"frozen", "sleeping", ""},
	} {
		got, err := TellState(staffkey.Person{State: c.from}, c.told, time.Now())
		if c.want == "" {
			if !errors.Is(err, staffkey.ErrInvalid) || got.State != c.from {
				t.Errorf("%q told of %s: got %s, %v, want it invalid", c.told, c.from, got.State, err)
			}
		} else if err != nil || got.State != c.want {
			t.Errorf("%q told of %s: got %s, %v, want %s", c.told, c.from, got.State, err, c.want)
		}
	}
}

func TestIsSamePerson(t *testing.T) {
	t.Parallel()
	person := func(number, name, email string, state staffkey.PersonState) staffkey.Person {
		return staffkey.Person{Username: "u0100", EmployeeNumber: number, Name: name, Email: email, State: state}
	}
	in := func(o staffkey.OrganisationID, p staffkey.Person) staffkey.Person {
		p.Organisation = o
		return p
	}
	const active, disabled, frozen = staffkey.PersonActive, staffkey.PersonDisabled, staffkey.PersonFrozen
	for _, c := range []struct {
		name          string
		current, told staffkey.Person
		kept          string // number that next keeps because none was told
		same          bool
	}{
		{"the number is another", person("E1", "Amara", "a@x", active), person("E2", "Amara", "a@x", active), "", false},
		{"the number is another, of somebody disabled", person("E1", "Amara", "a@x", disabled), person("E2", "Amara", "a@x", active), "", false},
		{"the number is another, of somebody frozen", person("E1", "Amara", "a@x", frozen), person("E2", "Quite", "q@x", ""), "", false},
		{"the number is another, and stays disabled", person("E1", "Amara", "a@x", disabled), person("E2", "Amara", "a@x", disabled), "", false},
		{"the same number, whatever else", person("E1", "Amara", "a@x", active), person("E1", "Amara Smith", "smith@x", active), "", true},
		{"the same number comes back", person("E1", "Amara", "a@x", disabled), person("e1", "Amara Smith", "smith@x", active), "", true},
		{"the same number of another organisation", in("A", person("E1", "Amara", "a@x", active)), in("B", person("E1", "Quite", "q@x", active)), "", false},
		{"the same number of another organisation, and the name", in("A", person("E1", "Amara", "a@x", active)), in("B", person("E1", "Amara", "q@x", active)), "", true},
		{"the same number of another organisation, and the address", in("A", person("E1", "Amara", "a@x", active)), in("B", person("E1", "Amara Smith", "a@x", active)), "", true},
		{"no numbers, another name", person("", "Amara", "a@x", active), person("", "Amara Smith", "a@x", active), "", true},
		{"no numbers, another address", person("", "Amara", "a@x", active), person("", "Amara", "smith@x", active), "", true},
		{"no numbers, another name in a file without addresses", person("", "Amara", "a@x", active), person("", "Amara Smith", "", active), "", true},
		{"no numbers, another name and another address", person("", "Amara", "a@x", active), person("", "Quite", "q@x", active), "", false},
		{"no numbers, another name and another address, frozen", person("", "Amara", "a@x", frozen), person("", "Quite", "q@x", active), "", false},
		{"no numbers, back under the same name", person("", "Amara", "a@x", disabled), person("", "AMARA", "new@x", active), "", true},
		{"no numbers, back with the same address", person("", "Amara", "a@x", disabled), person("", "Amara Smith", "A@x", active), "", false},
		{"no numbers, back as somebody else", person("", "Amara", "a@x", disabled), person("", "Quite", "q@x", active), "", false},
		{"no numbers, somebody else before they begin", person("", "Amara", "a@x", disabled), person("", "Quite", "q@x", disabled), "", false},
		{"no addresses, back as somebody else", person("", "Amara", "", disabled), person("", "Quite", "", active), "", false},
		{"a file without numbers and addresses brings somebody else back", person("E1", "Amara", "a@x", disabled), person("", "Quite", "", active), "E1", false},
		{"a file without numbers changes a name", person("E1", "Amara", "a@x", active), person("", "Amara Smith", "a@x", active), "E1", true},
		{"a file without numbers changes name and address", person("E1", "Amara", "a@x", active), person("", "Quite", "q@x", active), "E1", false},
		{"gets a number", person("", "Amara", "a@x", active), person("E1", "Amara", "new@x", active), "", true},
		{"somebody else with a number", person("", "Amara", "a@x", active), person("E1", "Quite", "q@x", active), "", false},
		{"loses the number", person("E1", "Amara", "a@x", active), person("", "Amara", "a@x", active), "", true},
		{"somebody else without one", person("E1", "Amara", "a@x", active), person("", "Quite", "q@x", active), "", false},
	} {
		next := c.told
		if c.kept != "" {
			next.EmployeeNumber = c.kept
		}
		err := IsSamePerson(c.current, c.told, next)
		if c.same {
			if err != nil {
				t.Errorf("%s: refused: %v", c.name, err)
			}
			continue
		}
		var r *staffkey.Refusal
		if !errors.As(err, &r) || r.Rule != "other_person" || r.Message.Args["Name"] != c.current.Name || r.Message.Args["OtherName"] != next.Name {
			t.Errorf("%s: got %v, want a refusal by other_person that names both", c.name, err)
		}
	}
}
