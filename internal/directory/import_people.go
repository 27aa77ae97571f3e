package directory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// The columns of a file of people.
var (
	requiredPersonColumns = []string{"username", "name", "organisation"}
	optionalPersonColumns = []string{"email", "employee_number", "phone", "state"}
)

// importBatch is how many rows one transaction takes. On SQLite nobody else writes meanwhile, so it stays short.
const importBatch = 500

// ImportPeople adds and changes people from a CSV file with a header: username, name and organisation (a code), and
// optionally email, employee_number, phone and state (active or disabled). People are recognised by their username. An
// optional column that the file does not have leaves what is stored; an empty value clears it.
//
// Bad rows are in the report, and the rest is loaded; the same file again changes nothing. An error that matches
// ErrInvalid says that the file as a whole cannot be read; any error comes with the report of what was done before it.
// progress, if not nil, is called after each transaction with the rows read so far.
//
// Memory does not grow with the file, except by 40 bytes for each name in it, which find the ones that occur twice.
func (d *Directory) ImportPeople(ctx context.Context, actor staffkey.Actor, file io.Reader, progress func(done int)) (Report, error) {
	im := peopleImport{
		d: d, actor: actor, seen: map[[16]byte]int32{},
		organisations: map[string]staffkey.OrganisationID{}, chains: map[staffkey.OrganisationID]policy.Chain{},
	}
	table, err := openTable(file, requiredPersonColumns, optionalPersonColumns)
	if err != nil {
		return im.report, fmt.Errorf("import people: %w", err)
	}
	batch := make([]row, 0, importBatch)
	for end := false; !end; {
		r, err := table.next()
		switch {
		case errors.Is(err, io.EOF):
			end = true
		case err != nil && r.line == 0:
			if lost := im.load(ctx, batch); lost != nil {
				err = lost
			}
			return im.report, fmt.Errorf("import people: %w", err)
		default:
			im.report.Rows++
			if err == nil {
				err = im.checkOnce(r)
			}
			if err != nil {
				im.report.refuse(r.line, err)
				break
			}
			batch = append(batch, r)
		}
		if len(batch) < importBatch && !end {
			continue
		}
		if err := im.load(ctx, batch); err != nil {
			return im.report, fmt.Errorf("import people: %w", err)
		}
		batch = batch[:0]
		if progress != nil {
			progress(im.report.Rows)
		}
	}
	im.report.sort()
	return im.report, nil
}

// peopleImport is one import under way.
type peopleImport struct {
	d      *Directory
	actor  staffkey.Actor
	report Report
	// seen holds the line of each username and e-mail address of the file, by a hash of their folded form: enough of a
	// cryptographic one that two names never meet, and shorter than the names.
	seen map[[16]byte]int32
	// organisations by folded code, and what is above each: the same few occur in all rows.
	organisations map[string]staffkey.OrganisationID
	chains        map[staffkey.OrganisationID]policy.Chain
}

// checkOnce refuses a row whose username or e-mail address is in the file already.
func (im *peopleImport) checkOnce(r row) error {
	for _, column := range []string{"username", "email"} {
		value, _ := r.get(column)
		if value == "" {
			continue
		}
		sum := sha256.Sum256([]byte(column + "\x00" + store.Fold(value)))
		if line, again := im.seen[[16]byte(sum[:])]; again {
			return staffkey.Invalid(column, "import.duplicate", "Line", int(line))
		}
		im.seen[[16]byte(sum[:])] = int32(r.line)
	}
	return nil
}

// load stores a batch in one transaction, or row by row when somebody else took a name meanwhile, so that only the rows
// that cannot be stored are refused.
func (im *peopleImport) load(ctx context.Context, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	done, err := im.loadOnce(ctx, rows)
	if errors.Is(err, staffkey.ErrConflict) {
		for i := range rows {
			done, err := im.loadOnce(ctx, rows[i:i+1])
			if errors.Is(err, staffkey.ErrConflict) {
				done, err = Report{}, nil
				done.refuse(rows[i].line, staffkey.ErrConflict)
			}
			if err != nil {
				return err
			}
			im.report.add(done)
		}
		return nil
	}
	if err != nil {
		return err
	}
	im.report.add(done)
	return nil
}

// loadOnce stores rows in one transaction and returns what became of them.
func (im *peopleImport) loadOnce(ctx context.Context, rows []row) (Report, error) {
	var done Report
	err := im.d.store.ChangeAs(ctx, im.actor, staffkey.Event(staffkey.EventPersonAdded, im.actor), func(tx *store.Tx, may staffkey.Authority) error {
		done = Report{} // the function may run again
		b, err := newPeopleBatch(tx, rows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			err := im.take(tx, may, b, r, &done)
			if err != nil && !errors.Is(err, staffkey.ErrInvalid) && !errors.Is(err, staffkey.ErrRefused) {
				return fmt.Errorf("line %d: %w", r.line, err)
			}
			if err != nil {
				done.refuse(r.line, err)
			}
		}
		if err := tx.InsertPeople(b.added...); err != nil {
			return err
		}
		if len(b.events) == 0 {
			return errUnchanged
		}
		tx.Event = b.events[0]
		return tx.Record(b.events[1:]...)
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return done, err
}

// peopleBatch is what the rows of one transaction meet in the database, and what they become.
type peopleBatch struct {
	byUsername map[string]staffkey.Person
	byEmail    map[string]staffkey.PersonID
	added      []staffkey.Person
	events     []staffkey.AuditEvent
}

func newPeopleBatch(tx *store.Tx, rows []row) (*peopleBatch, error) {
	var usernames, emails []string
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
	for email, p := range owners {
		b.byEmail[email] = p.ID
	}
	return b, err
}

// take adds or changes the person of one row, or returns why not.
func (im *peopleImport) take(tx *store.Tx, may staffkey.Authority, b *peopleBatch, r row, done *Report) error {
	username, _ := r.get("username")
	current, exists := b.byUsername[store.Fold(username)]
	next := mergePerson(current, r)
	code, _ := r.get("organisation")
	next.Organisation = staffkey.OrganisationID(code)
	if err := validatePerson(next); err != nil {
		return err
	}
	var err error
	if next.Organisation, err = im.organisation(tx, code); err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventPersonAdded, im.actor)
	event.Organisation, event.SubjectName = next.Organisation, next.Name
	if exists {
		event.Kind, event.Person = staffkey.EventPersonChanged, current.ID
	}
	changed, err := im.decide(tx, may, b, current, &next, exists)
	var refusal *staffkey.Refusal
	switch {
	case errors.As(err, &refusal) && errors.Is(refusal, staffkey.ErrRefused):
		b.events = append(b.events, event.RefusedBy(refusal))
		return err
	case err != nil:
		return err
	case !exists:
		event.Person = next.ID
		done.Added++
	case changed == "":
		done.Unchanged++
		return nil
	default:
		event.Detail = personDetail(current, next, changed)
		done.Changed++
	}
	b.events = append(b.events, event)
	return nil
}

// decide asks policy about one person and changes them; new ones wait for the end of the batch. It returns the fields that
// changed of a person who exists.
func (im *peopleImport) decide(tx *store.Tx, may staffkey.Authority, b *peopleBatch, current staffkey.Person, next *staffkey.Person, exists bool) (string, error) {
	var changed string
	where := next.Organisation
	if exists {
		where = current.Organisation
		changed = personChanges(current, *next)
	}
	if err := im.mayManage(tx, may, where); err != nil {
		return "", err
	}
	if exists && changed == "" {
		return "", nil
	}
	if exists {
		if err := mayChangePerson(tx, may, current, *next); err != nil {
			return "", err
		}
	}
	if owner, taken := b.byEmail[store.Fold(next.Email)]; taken && next.Email != "" && owner != next.ID {
		return "", staffkey.Invalid("email", "email.taken", "Email", next.Email)
	}
	if !exists {
		next.ID, next.CreatedAt = store.NewID[staffkey.PersonID](), tx.Now
		b.added = append(b.added, *next)
		return "", nil
	}
	err := updatePerson(tx, current, *next)
	if errors.Is(err, staffkey.ErrRefused) { // the last operator, found out after the fact
		return "", errors.Join(err, tx.UpdatePerson(current))
	}
	if store.Fold(current.Email) != store.Fold(next.Email) {
		delete(b.byEmail, store.Fold(current.Email))
		b.byEmail[store.Fold(next.Email)] = next.ID
	}
	return changed, err
}

// organisation finds an organisation by its code once for all rows.
func (im *peopleImport) organisation(tx *store.Tx, code string) (staffkey.OrganisationID, error) {
	folded := store.Fold(code)
	if id, ok := im.organisations[folded]; ok {
		return id, nil
	}
	o, err := tx.FindOrganisationByCode(code)
	if errors.Is(err, staffkey.ErrNotFound) {
		return "", staffkey.Invalid("organisation", "organisation.unknown", "Code", code)
	}
	if err == nil {
		im.organisations[folded] = o.ID
	}
	return o.ID, err
}

// mayManage asks about the people of an organisation, loading what is above it once for all rows.
func (im *peopleImport) mayManage(tx *store.Tx, may staffkey.Authority, organisation staffkey.OrganisationID) error {
	chain, ok := im.chains[organisation]
	if !ok {
		var err error
		if chain, err = chainOf(tx, organisation); err != nil {
			return err
		}
		im.chains[organisation] = chain
	}
	return policy.MayManagePeople(may, chain)
}

// mergePerson lays the columns of a row over what is stored.
func mergePerson(p staffkey.Person, r row) staffkey.Person {
	for column, value := range map[string]*string{
		"username": &p.Username, "name": &p.Name, "email": &p.Email, "employee_number": &p.EmployeeNumber, "phone": &p.Phone,
	} {
		if text, ok := r.get(column); ok {
			*value = text
		}
	}
	if state, _ := r.get("state"); state != "" {
		p.State = staffkey.PersonState(strings.ToLower(state))
	}
	if p.State == "" {
		p.State = staffkey.PersonActive
	}
	return p
}
