package directory

import (
	"errors"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// confirmed is Confirmed with folded usernames.
type confirmed struct {
	newHolders, samePeople     map[string]bool
	Renumbered, RenameByNumber bool
}

func (c Confirmed) folded() confirmed {
	set := func(names []string) map[string]bool {
		m := make(map[string]bool, len(names))
		for _, n := range names {
			m[store.Fold(n)] = true
		}
		return m
	}
	return confirmed{set(c.NewHolders), set(c.SamePeople), c.Renumbered, c.RenameByNumber}
}

// peopleBatch is what the rows of one transaction meet in the database, and what they become.
type peopleBatch struct {
	byUsername map[string]staffkey.Person
	byEmail    map[string]staffkey.PersonID
	byNumber   map[string][]staffkey.Person // of the rows whose username is not known
	added      []staffkey.Person
	events     []staffkey.AuditEvent
}

func newPeopleBatch(tx *store.Tx, rows []row) (*peopleBatch, error) {
	var usernames, emails, numbers []string
	for _, r := range rows {
		username, _ := r.get("username")
		usernames = append(usernames, username)
		if email, _ := r.get("email"); email != "" {
			emails = append(emails, email)
		}
	}
	b := &peopleBatch{byEmail: map[string]staffkey.PersonID{}}
	var err error
	if b.byUsername, err = tx.FindPeopleByUsername(usernames); err != nil {
		return nil, err
	}
	owners, err := tx.FindPeopleByEmail(emails)
	if err != nil {
		return nil, err
	}
	for email, p := range owners {
		b.byEmail[email] = p.ID
	}
	for i, r := range rows {
		if _, known := b.byUsername[store.Fold(usernames[i])]; known {
			continue
		}
		if number, _ := r.get("employee_number"); number != "" {
			numbers = append(numbers, number)
		}
	}
	b.byNumber, err = tx.FindPeopleByEmployeeNumber(numbers)
	return b, err
}

// flush stores the people who were added until now.
func (b *peopleBatch) flush(tx *store.Tx) error {
	added := b.added
	b.added = nil
	return tx.InsertPeople(added...)
}

// changed notes what a row has made of a person, for the rows after it.
func (b *peopleBatch) changed(current, next staffkey.Person) {
	if before, after := store.Fold(current.Username), store.Fold(next.Username); before != after {
		delete(b.byUsername, before)
		b.byUsername[after] = next
	}
	if before, after := store.Fold(current.Email), store.Fold(next.Email); before != after {
		delete(b.byEmail, before)
		b.byEmail[after] = next.ID
	}
	for _, holders := range b.byNumber {
		if i := slices.IndexFunc(holders, func(p staffkey.Person) bool { return p.ID == next.ID }); i >= 0 {
			holders[i] = next
		}
	}
}

// take adds or changes the person of one row, or returns why not.
func (im *peopleImport) take(tx *store.Tx, may staffkey.Authority, b *peopleBatch, r row, done *batchReport) error {
	told := mergePerson(staffkey.Person{}, r)
	state, _ := r.get("state")
	code, _ := r.get("organisation")
	told.State, told.Organisation = staffkey.PersonState(strings.ToLower(state)), staffkey.OrganisationID(code)
	current, exists := b.byUsername[store.Fold(told.Username)]
	if err := validateRow(current, told, r); err != nil {
		return err
	}
	var err error
	if told.Organisation, err = im.organisation(tx, code); err != nil {
		return err
	}
	if !exists {
		var later bool
		if current, exists, later, err = im.renamed(tx, b, told); err != nil {
			return err
		}
		if later {
			done.waiting = append(done.waiting, r)
			return nil
		}
		if exists {
			if err := validateRow(current, told, r); err != nil {
				return err
			}
		}
	}
	if exists {
		return im.change(tx, may, b, r, current, told, done)
	}
	return im.add(tx, may, b, told, done)
}

// validateRow checks what a row makes of a person, whose organisation may still be a code.
func validateRow(current, told staffkey.Person, r row) error {
	next := mergePerson(current, r)
	next.Organisation = told.Organisation
	return validatePerson(next)
}

// renamed finds who has the employee number of a row whose username is not known, in the organisation of the row, if the row is about
// them. It is not when their own username is in the file too: one person may have several accounts. Whether it is, is known at the end
// of the file, so the row waits until then; later says that it does.
func (im *peopleImport) renamed(tx *store.Tx, b *peopleBatch, told staffkey.Person) (p staffkey.Person, is, later bool, err error) {
	var holders []staffkey.Person
	inFile := false
	for _, p := range b.byNumber[told.EmployeeNumber] {
		if told.EmployeeNumber != "" && p.Organisation == told.Organisation {
			holders = append(holders, p)
			inFile = inFile || im.hasUsername(p.Username)
		}
	}
	username := store.Fold(told.Username)
	same := im.said.samePeople[username]
	switch {
	case len(holders) == 0 || im.said.newHolders[username] || inFile && !same:
		return p, false, false, nil
	case !same && !im.atEnd && len(im.waiting) < maxWaiting:
		return p, false, true, nil
	case !same && !im.said.RenameByNumber:
		return p, false, false, staffkey.Invalid("employee_number", "import.number_known", "Number", told.EmployeeNumber,
			"Name", holders[0].Name, "Username", holders[0].Username, "New", told.Username)
	case len(holders) > 1:
		return p, false, false, staffkey.Invalid("employee_number", "import.number_ambiguous", "Number", told.EmployeeNumber,
			"Username", holders[0].Username, "Other", holders[1].Username)
	}
	return holders[0], true, false, b.flush(tx) // they may be of a row before
}

// add adds the person of a row, at the end of the batch.
func (im *peopleImport) add(tx *store.Tx, may staffkey.Authority, b *peopleBatch, told staffkey.Person, done *batchReport) error {
	next, err := newPerson(told)
	if err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventPersonAdded, im.actor)
	event.Organisation, event.SubjectName = next.Organisation, next.Name
	if err := im.mayManage(tx, may, next.Organisation); err != nil {
		return b.refused(event, err)
	}
	if err := b.emailIsFree(next); err != nil {
		return err
	}
	next.ID, next.CreatedAt = store.NewID[staffkey.PersonID](), tx.Now
	event.Person = next.ID
	b.added, b.events = append(b.added, next), append(b.events, event)
	done.Added++
	return nil
}

// change changes the person whom a row is about, or gives their username to somebody else where that was said.
func (im *peopleImport) change(tx *store.Tx, may staffkey.Authority, b *peopleBatch, r row, current, told staffkey.Person, done *batchReport) error {
	next := mergePerson(current, r)
	next.Organisation = told.Organisation
	event := staffkey.Event(staffkey.EventPersonChanged, im.actor)
	event.Person, event.Organisation, event.SubjectName = current.ID, next.Organisation, next.Name
	if err := im.mayManage(tx, may, current.Organisation); err != nil {
		return b.refused(event, err)
	}
	next, err := policy.TellState(next, told.State, tx.Now)
	if err != nil {
		return err
	}
	changed := personChanges(current, next)
	if changed != "" {
		if err := mayChangePerson(tx, may, current, next); err != nil {
			return b.refused(event, err)
		}
		if err := b.emailIsFree(next); err != nil {
			return err
		}
	}
	event.Detail = personDetail(current, next, changed)
	if err := policy.IsSamePerson(current, told, next); err != nil {
		switch username := store.Fold(told.Username); {
		case im.said.newHolders[username]:
			return im.replace(tx, b, current, told, done, r.line)
		case im.said.samePeople[username] || im.said.Renumbered && policy.KeepsNameOrEmail(current, told):
			event.Detail["confirmed"] = "same_person"
		default:
			return b.refused(event, err)
		}
	} else if im.said.newHolders[store.Fold(told.Username)] {
		done.note(r.line, "username", staffkey.Msg("import.not_replaced", "Username", told.Username, "Name", current.Name))
	}
	if told.State == staffkey.PersonActive && next.State == staffkey.PersonFrozen {
		done.note(r.line, "state", staffkey.Msg("import.stays_frozen", "Username", current.Username))
	}
	if changed == "" {
		done.Unchanged++
		return nil
	}
	if err := updatePerson(tx, current, next); err != nil {
		return b.refused(event, err)
	}
	b.changed(current, next)
	b.events = append(b.events, event)
	done.Changed++
	return nil
}

// replace gives a username to somebody else.
func (im *peopleImport) replace(tx *store.Tx, b *peopleBatch, current, told staffkey.Person, done *batchReport, line int) error {
	event := staffkey.Event(staffkey.EventPersonReplaced, im.actor)
	added, aside, events, err := replacePerson(tx, event, current, told)
	if err != nil {
		event.Person, event.Organisation, event.SubjectName = current.ID, current.Organisation, told.Name
		return b.refused(event, err)
	}
	b.changed(current, aside)
	b.byUsername[store.Fold(added.Username)] = added
	if added.Email != "" {
		b.byEmail[store.Fold(added.Email)] = added.ID
	}
	b.added, b.events = append(b.added, added), append(b.events, events...)
	done.note(line, "username", staffkey.Msg("import.replaced", "Username", told.Username, "Name", added.Name, "OtherName", current.Name, "Aside", aside.Username))
	done.Added++
	return nil
}

// emailIsFree refuses an e-mail address that somebody else has.
func (b *peopleBatch) emailIsFree(p staffkey.Person) error {
	if owner, taken := b.byEmail[store.Fold(p.Email)]; taken && p.Email != "" && owner != p.ID {
		return staffkey.Invalid("email", "email.taken", "Email", p.Email)
	}
	return nil
}

// refused records what policy refuses, and returns the error.
func (b *peopleBatch) refused(event staffkey.AuditEvent, err error) error {
	var refusal *staffkey.Refusal
	if errors.As(err, &refusal) && errors.Is(refusal, staffkey.ErrRefused) {
		b.events = append(b.events, event.RefusedBy(refusal))
	}
	return err
}
