package directory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

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

// Confirmed is what an administrator says about the people of a file, where it would be refused or not understood otherwise. The names in
// it are usernames as the file has them.
type Confirmed struct {
	// NewHolders: the username is another person's now. The one before is put aside, as by [Directory.ReplacePerson].
	NewHolders []string
	// SamePeople: the row is about who had the username, or the employee number under another username, before: they keep what they
	// sign in with, and get the number, the name and the username of the row.
	SamePeople []string
	// Renumbered: the employee numbers of the file are new ones. Who has the same name or e-mail address as before is who they were.
	Renumbered bool
	// RenameByNumber: a username that is not known, with the employee number of somebody of the same organisation whose own is not in the
	// file, is their new one. The file must be of everybody.
	RenameByNumber bool
	// IgnoreColumns are columns of the file that are not for us.
	IgnoreColumns []string
}

// ImportPeople adds and changes people from a CSV file with a header: username, name and organisation (a code), and
// optionally email, employee_number, phone and state (active or disabled). People are recognised by their username. An
// optional column that the file does not have leaves what is stored; an empty value clears it, and an empty state nothing.
//
// A row that would turn one person into another ([policy.IsSamePerson]) is refused, and so is a new username with the employee number of
// somebody of the same organisation whose own is not in the file. One that says active of a frozen person keeps them frozen, which is
// noted, and the rest of it is taken.
//
// Bad rows are in the report, and the rest is loaded; the same file again changes nothing. An error that matches
// ErrInvalid says that the file as a whole cannot be read; any error comes with the report of what was done before it.
// progress, if not nil, is called after each transaction with the rows read so far.
//
// Memory does not grow with the file, except by 40 bytes for each name and number in it, which find the ones that occur twice.
func (d *Directory) ImportPeople(ctx context.Context, actor staffkey.Actor, file io.Reader, progress func(done int)) (Report, error) {
	return d.ImportPeopleConfirmed(ctx, actor, file, Confirmed{}, progress)
}

// ImportPeopleConfirmed is ImportPeople with the answers to what it would refuse.
func (d *Directory) ImportPeopleConfirmed(ctx context.Context, actor staffkey.Actor, file io.Reader, said Confirmed, progress func(done int)) (Report, error) {
	im := peopleImport{
		d: d, actor: actor, said: said.folded(), seen: map[[16]byte]int32{},
		organisations: map[string]staffkey.OrganisationID{}, chains: map[staffkey.OrganisationID]policy.Chain{},
	}
	table, err := openTable(file, requiredPersonColumns, optionalPersonColumns, said.IgnoreColumns)
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
			im.said.RenameByNumber = false // who is in the rest of the file is not known
			if lost := errors.Join(im.load(ctx, batch), im.loadWaiting(ctx)); lost != nil {
				err = lost
			}
			im.report.sort()
			return im.report, fmt.Errorf("import people: %w", err)
		default:
			im.report.Rows++
			if err == nil {
				err = im.checkOnce(&r)
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
	if err := im.loadWaiting(ctx); err != nil {
		return im.report, fmt.Errorf("import people: %w", err)
	}
	im.report.sort()
	return im.report, nil
}

// peopleImport is one import under way.
type peopleImport struct {
	d      *Directory
	actor  staffkey.Actor
	said   confirmed
	report Report
	// seen holds the line of each username, e-mail address and employee number of the file, by a hash of their folded form: enough of a
	// cryptographic one that two names never meet, and shorter than the names.
	seen map[[16]byte]int32
	// organisations by folded code, and what is above each: the same few occur in all rows.
	organisations map[string]staffkey.OrganisationID
	chains        map[staffkey.OrganisationID]policy.Chain
	// waiting are rows that only the end of the file decides, and atEnd says that it has come.
	waiting []row
	atEnd   bool
}

// maxWaiting bounds the rows that wait for the end of the file; further ones are refused.
const maxWaiting = 100_000

// batchReport is what became of the rows of one transaction. Those that wait are in no count yet.
type batchReport struct {
	Report
	waiting []row
}

// checkOnce refuses a row whose username or e-mail address is in the file already. A number that is goes into the row, to be told.
func (im *peopleImport) checkOnce(r *row) error {
	for _, column := range []string{"username", "email"} {
		value, _ := r.get(column)
		if value == "" {
			continue
		}
		key := seenKey(column, value)
		if line, again := im.seen[key]; again {
			return staffkey.Invalid(column, "import.duplicate", "Line", int(line))
		}
		im.seen[key] = int32(r.line)
	}
	if number, _ := r.get("employee_number"); number != "" {
		code, _ := r.get("organisation")
		key := seenKey("employee_number", number+"\x00"+store.Fold(code))
		if line, again := im.seen[key]; again {
			r.sameNumber = int(line)
		} else {
			im.seen[key] = int32(r.line)
		}
	}
	return nil
}

func seenKey(column, value string) [16]byte {
	sum := sha256.Sum256([]byte(column + "\x00" + store.Fold(value)))
	return [16]byte(sum[:])
}

// hasUsername reports whether a username is in the file, as far as it has been read.
func (im *peopleImport) hasUsername(username string) bool {
	_, ok := im.seen[seenKey("username", username)]
	return ok
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
				done, err = batchReport{}, nil
				done.refuse(rows[i].line, staffkey.ErrConflict)
			}
			if err != nil {
				return err
			}
			im.done(done)
		}
		return nil
	}
	if err != nil {
		return err
	}
	im.done(done)
	return nil
}

// loadWaiting stores the rows that waited for the end of the file.
func (im *peopleImport) loadWaiting(ctx context.Context) error {
	im.atEnd = true
	for rows := range slices.Chunk(im.waiting, importBatch) {
		if err := im.load(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

func (im *peopleImport) done(b batchReport) {
	im.report.add(b.Report)
	im.waiting = append(im.waiting, b.waiting...)
}

// loadOnce stores rows in one transaction and returns what became of them.
func (im *peopleImport) loadOnce(ctx context.Context, rows []row) (batchReport, error) {
	var done batchReport
	err := im.d.store.ChangeAs(ctx, im.actor, staffkey.Event(staffkey.EventPersonAdded, im.actor), func(tx *store.Tx, may staffkey.Authority) error {
		done = batchReport{} // the function may run again
		b, err := newPeopleBatch(tx, rows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			notes, taken := len(done.Notes), done.Added+done.Changed
			err := im.take(tx, may, b, r, &done)
			if err != nil && !errors.Is(err, staffkey.ErrInvalid) && !errors.Is(err, staffkey.ErrRefused) {
				return fmt.Errorf("line %d: %w", r.line, err)
			}
			if err != nil {
				done.Notes = done.Notes[:notes]
				done.refuse(r.line, err)
			}
			if done.Added+done.Changed > taken { // not of each row again each night
				done.doubt(r)
			}
		}
		if err := b.flush(tx); err != nil {
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

// mergePerson lays the columns of a row over what is stored; the state is told apart.
func mergePerson(p staffkey.Person, r row) staffkey.Person {
	for column, value := range map[string]*string{
		"username": &p.Username, "name": &p.Name, "email": &p.Email, "employee_number": &p.EmployeeNumber, "phone": &p.Phone,
	} {
		if text, ok := r.get(column); ok {
			*value = text
		}
	}
	return p
}
