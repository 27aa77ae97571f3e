package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Purposes and lives of one-time links. Links are built from the configured address only.
const (
	linkSetUp = "set_up"

	SetUpLinkLife         = 30 * time.Minute
	FirstPasswordLinkLife = 7 * 24 * time.Hour
)

// IssueSetUpLink makes a link of the first-run set-up. Earlier ones stay good until one is used or their time is over: each node of a
// new installation prints its own, and whichever is opened first sets up. It is the console's, and refused once there has been an operator.
func (s *Service) IssueSetUpLink(ctx context.Context, actor staffkey.Actor) (string, error) {
	if !actor.Console {
		return "", staffkey.Refused("console_only", "perm.organisation")
	}
	secret := rand.Text()
	err := s.store.ChangeAs(ctx, actor, staffkey.Event(staffkey.EventLinkIssued, actor), func(tx *store.Tx, _ staffkey.Authority) error {
		tx.Event.Subject = linkSetUp
		if err := isNotSetUp(tx); err != nil {
			return err
		}
		return tx.InsertLink(linkSetUp, "", secret, tx.Now.Add(SetUpLinkLife))
	})
	return s.address + "/setup?t=" + secret, err
}

// isNotSetUp refuses a set-up where there has ever been an operator, whatever has become of them: set-up is once.
func isNotSetUp(tx *store.Tx) error {
	done, err := tx.IsSetUp()
	if err == nil && done {
		err = staffkey.Refused("set_up_done", "setup.done_already")
	}
	return err
}

// NeedsSetUp reports whether there has never been an operator.
func (s *Service) NeedsSetUp(ctx context.Context) (bool, error) {
	var done bool
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		done, err = tx.IsSetUp()
		return err
	})
	return err == nil && !done, err
}

// HasOperator reports whether an operator can sign in: otherwise only the console helps.
func (s *Service) HasOperator(ctx context.Context) (bool, error) {
	var n int
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.CountOperators()
		return err
	})
	return n > 0, err
}

// CheckSetUpLink reports whether a set-up link is still good, without using it up: a mail scanner may open it too.
func (s *Service) CheckSetUpLink(ctx context.Context, secret string) error {
	return s.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.FindLink(linkSetUp, secret)
		return err
	})
}

// FirstOperator is what the set-up asks of the first person.
type FirstOperator struct {
	Name, Username, Email, Password string
}

// SetUp uses a set-up link up, and with it all others: it makes the organisation above all, the first operator in it, and their first
// session. Of several people with links exactly one succeeds.
func (s *Service) SetUp(ctx context.Context, origin staffkey.Origin, secret string, f FirstOperator) (SignedIn, error) {
	var in SignedIn
	person := staffkey.Person{
		ID: store.NewID[staffkey.PersonID](), Username: f.Username, Email: f.Email, Name: f.Name, State: staffkey.PersonActive,
	}
	if err := staffkey.ValidatePerson(person); err != nil {
		return in, err
	}
	if err := staffkey.ValidateEmail("email", person.Email); err != nil { // whoever runs it must be reachable
		return in, err
	}
	state, err := s.passwordState(ctx, person, f.Password)
	if err != nil {
		return in, err
	}
	actor := staffkey.Actor{Person: person.ID, Name: person.Name, Origin: origin}
	err = s.store.Change(ctx, staffkey.Event(staffkey.EventSetUp, actor), func(tx *store.Tx) error {
		if _, err := tx.TakeLink(linkSetUp, secret); err != nil {
			return err
		}
		if err := isNotSetUp(tx); err != nil {
			return err
		}
		if err := tx.CancelLinks(linkSetUp, ""); err != nil {
			return err
		}
		root, err := tx.FindRootOrganisation()
		if errors.Is(err, staffkey.ErrNotFound) {
			root = staffkey.Organisation{ID: store.NewID[staffkey.OrganisationID](), Code: "ROOT", Name: "First organisation", CreatedAt: tx.Now}
			err = tx.InsertOrganisation(root)
		}
		if err != nil {
			return err
		}
		person.Organisation, person.CreatedAt = root.ID, tx.Now
		if err := tx.InsertPeople(person); err != nil {
			return err
		}
		if err := s.putEnrolment(tx, holder{person: person}, staffkey.MethodPassword, state, nil); err != nil {
			return err
		}
		grant := staffkey.RoleGrant{Person: person.ID, Role: staffkey.RoleOperator, Organisation: root.ID, GrantedAt: tx.Now}
		if _, err := tx.InsertRoleGrant(grant); err != nil {
			return err
		}
		if err := tx.PutInstallationValue(store.SetUpTasks, []byte("{}")); err != nil {
			return err
		}
		tx.Event.Person, tx.Event.Organisation = person.ID, root.ID
		h, err := s.loadHolder(tx, person.ID)
		if err != nil {
			return err
		}
		proofs := Attempt{Person: person.ID, ProvedAt: tx.Now}.proofs()
		if in, err = s.newSession(origin, h, proofs, policy.AssuranceOf(proofs...), staffkey.Session{}); err != nil {
			return err
		}
		tx.Event.Session = in.Session.ID
		return s.startSession(tx, origin, in, staffkey.Session{})
	})
	if errors.Is(err, staffkey.ErrConflict) {
		return in, staffkey.Invalid("username", "username.taken")
	}
	return in, err
}

// IssueFirstPasswordLink makes a link with which a person chooses their first password, and cancels earlier ones.
func (s *Service) IssueFirstPasswordLink(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) (string, error) {
	secret := rand.Text()
	event := staffkey.Event(staffkey.EventLinkIssued, actor)
	event.Person, event.Subject = person, store.LinkFirstPassword
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = p.Organisation
		chain, err := tx.ListAncestors(p.Organisation)
		if err != nil {
			return err
		}
		grants, err := tx.ListRoleGrants(person)
		if err != nil {
			return err
		}
		if err := policy.MayIssueFirstPassword(may, chain, grants); err != nil {
			return err
		}
		if err := tx.CancelLinks(store.LinkFirstPassword, person); err != nil {
			return err
		}
		return tx.InsertLink(store.LinkFirstPassword, person, secret, tx.Now.Add(FirstPasswordLinkLife))
	})
	return s.address + "/welcome?t=" + secret, s.refuse(ctx, event, nil, err)
}

// CheckFirstPasswordLink returns whom a link is for, without using it up; ErrExpired when it is not good.
func (s *Service) CheckFirstPasswordLink(ctx context.Context, secret string) (staffkey.Person, error) {
	return s.checkLink(ctx, store.LinkFirstPassword, secret)
}

// UseFirstPasswordLink sets the password of the person whom a link is for, as [Service.UseResetLink] does.
func (s *Service) UseFirstPasswordLink(ctx context.Context, origin staffkey.Origin, secret, password string) (staffkey.Person, error) {
	return s.usePasswordLink(ctx, origin, store.LinkFirstPassword, secret, password, staffkey.EventLinkUsed, func(h holder) error {
		return policy.IsActive(h.person)
	})
}

// SetPassword gives a person a password at the console, for the demo's accounts.
func (s *Service) SetPassword(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, password string) error {
	if !actor.Console {
		return staffkey.Refused("console_only", "perm.organisation")
	}
	state, err := s.passwordState(ctx, staffkey.Person{ID: person}, password)
	if err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventMethodEnrolled, actor)
	event.Person, event.Subject = person, string(staffkey.MethodPassword)
	return s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error {
		h, err := s.loadHolder(tx, person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		return s.putEnrolment(tx, h, staffkey.MethodPassword, state, nil)
	})
}
