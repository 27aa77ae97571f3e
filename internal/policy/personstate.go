package policy

import (
	"strings"
	"time"

	"staffkey"
)

// PersonAct is what can change the state of a person. Who may do it is asked elsewhere; what it leads to, only here.
type PersonAct string

// The acts.
const (
	// ActEnable and ActDisable: a file, a page, the console or another directory says that somebody works here, or not any more.
	// Whoever may manage the person may say so ([MayManagePeople]).
	ActEnable  PersonAct = "enable"
	ActDisable PersonAct = "disable"
	// ActFreeze: "This was not me", by the person or by whoever reads their notices (F31).
	ActFreeze PersonAct = "freeze"
	// ActUndoFreeze: the browser that froze takes it back, within its time.
	ActUndoFreeze PersonAct = "undo_freeze"
	// ActUnfreeze: an administrator or the console has looked into it ([MayRecover]).
	ActUnfreeze PersonAct = "unfreeze"
)

// personMoves is where each act leads from each state; what is not here is refused. Only a freeze leads into frozen, and only whoever
// froze or has looked leads out of it: staff records know nothing about that, so what they say may end an account and never open it.
var personMoves = map[staffkey.PersonState]map[PersonAct]staffkey.PersonState{
	staffkey.PersonActive: {
		ActEnable: staffkey.PersonActive, ActDisable: staffkey.PersonDisabled, ActFreeze: staffkey.PersonFrozen,
	},
	staffkey.PersonDisabled: {
		ActEnable: staffkey.PersonActive, ActDisable: staffkey.PersonDisabled,
	},
	staffkey.PersonFrozen: {
		ActEnable: staffkey.PersonFrozen, ActDisable: staffkey.PersonDisabled, ActFreeze: staffkey.PersonFrozen,
		ActUndoFreeze: staffkey.PersonActive, ActUnfreeze: staffkey.PersonActive,
	},
}

// ChangeState returns a person as an act leaves them: their state, and since when they are frozen. Somebody who was disabled while
// frozen comes back frozen, because still nobody has looked. Nothing else of the person changes.
func ChangeState(p staffkey.Person, act PersonAct, now time.Time) (staffkey.Person, error) {
	to, ok := personMoves[p.State][act]
	if !ok {
		if err := IsActive(p); err != nil {
			return p, err
		}
		return p, staffkey.Refused("not_frozen", "person.not-frozen")
	}
	if p.State == staffkey.PersonActive {
		p.FrozenAt = time.Time{}
	}
	if p.State == staffkey.PersonDisabled && to == staffkey.PersonActive && !p.FrozenAt.IsZero() {
		to = staffkey.PersonFrozen
	}
	switch {
	case to == staffkey.PersonActive:
		p.FrozenAt = time.Time{}
	case to == staffkey.PersonFrozen && p.FrozenAt.IsZero():
		p.FrozenAt = now
	}
	p.State = to
	return p, nil
}

// TellState returns a person with the state that a file, a page or another directory tells; none changes nothing. Frozen is a state
// that may be told back of somebody who is frozen, as a list has it, and of nobody else.
func TellState(p staffkey.Person, told staffkey.PersonState, now time.Time) (staffkey.Person, error) {
	switch told {
	case "", p.State:
		return p, nil
	case staffkey.PersonActive:
		return ChangeState(p, ActEnable, now)
	case staffkey.PersonDisabled:
		return ChangeState(p, ActDisable, now)
	}
	return p, staffkey.Invalid("state", "person.state", "State", string(told))
}

// IsSamePerson refuses a change that would turn one person into another: what the one signs in with must never open the account of the
// other. Told is what was said, without what was left out; next is what it would make of the person.
//
// Where both have an employee number, it decides within an organisation; each numbers its people for itself, so that in another one the name or
// the e-mail address has to agree as well. Where a number is missing, the two together tell: an account in use keeps one of them, and one
// that is disabled its name, because an address is often made of the username that may have been given anew.
func IsSamePerson(current, told, next staffkey.Person) error {
	numbered := current.EmployeeNumber != "" && told.EmployeeNumber != ""
	sameName := strings.EqualFold(current.Name, told.Name)
	var same bool
	switch {
	case numbered && !strings.EqualFold(current.EmployeeNumber, told.EmployeeNumber):
		same = false
	case numbered:
		same = current.Organisation == next.Organisation || KeepsNameOrEmail(current, told)
	case current.State == staffkey.PersonDisabled:
		same = sameName
	case current.EmployeeNumber == next.EmployeeNumber:
		same = sameName || told.Email == "" || KeepsNameOrEmail(current, told)
	default: // a number comes or goes
		same = KeepsNameOrEmail(current, told)
	}
	if same {
		return nil
	}
	return otherPerson(current, next)
}

// KeepsNameOrEmail reports whether what is told of a person agrees with their name or their e-mail address.
func KeepsNameOrEmail(current, told staffkey.Person) bool {
	return strings.EqualFold(current.Name, told.Name) || told.Email != "" && strings.EqualFold(current.Email, told.Email)
}

func otherPerson(current, next staffkey.Person) error {
	message := "person.other"
	if current.EmployeeNumber == "" || next.EmployeeNumber == "" || current.EmployeeNumber == next.EmployeeNumber {
		message = "person.other-unnumbered"
	}
	return staffkey.Refused("other_person", message, "Username", current.Username, "Name", current.Name, "Number", current.EmployeeNumber,
		"OtherName", next.Name, "OtherNumber", next.EmployeeNumber).
		Because("%s (%s) would become %s (%s)", current.Name, current.EmployeeNumber, next.Name, next.EmployeeNumber)
}
