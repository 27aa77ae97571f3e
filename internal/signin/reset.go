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

// Lives and limits of the links with which a person chooses a new password (F48).
const (
	ResetLinkLife = 30 * time.Minute
	resetBatch    = 20
	resetsTyped   = 10 // wishes for one name from one place in an hour
	// Wishes from a place of the person's own, in a day, which no stranger's use up.
	resetsOfOwner = 5
	// Wishes of strangers: from one source for one person in a day, and for one person in a day at once; after that one in resetsLater. So
	// whoever sends them all has the person mailed a link that works at least that often.
	resetsOfSource = 3
	resetsAtOnce   = 5
	resetsLater    = 2 * time.Hour
)

// AskReset notes that somebody wants a new password for a name, and does the same work whether the name means anybody or not: whom it
// means is looked up later, by [Service.WorkResets], which answers by mail or not at all.
func (s *Service) AskReset(ctx context.Context, origin staffkey.Origin, login string) error {
	if login == "" {
		return staffkey.Invalid("login", "reset.empty")
	}
	if err := ValidateLogin(login); err != nil {
		return err
	}
	from, err := s.place(ctx, origin, login)
	if err != nil {
		return err
	}
	typed, err := s.throttleDigest(store.Fold(login))
	if err != nil {
		return err
	}
	g := guess{names: from.names}
	if from.source != "" {
		g.source = "source/reset/" + from.source
		g.pair = g.source + "/" + typed
	}
	event := staffkey.Event(staffkey.EventResetAsked, staffkey.Actor{Origin: origin})
	err = s.store.Housekeep(ctx, func(tx *store.Tx) error {
		g.guessed = guessed{}
		if err := s.mayAskReset(tx, &g, from.own); err != nil {
			return err
		}
		return tx.InsertResetRequest(store.ResetRequest{Login: login, Origin: origin, Source: from.source, OwnOf: from.own})
	})
	if err == nil && g.full {
		err = s.alarmSource(ctx, g.source, g.names, origin)
	}
	// Nobody is woken for the wish: the look-up for a known name would compete with this answer, and show in its time.
	return s.refuse(ctx, event, nil, err)
}

// mayAskReset counts a wish: in a place of the person's own against theirs, and otherwise against the network or the station, by names, and by
// wishes for one name.
func (s *Service) mayAskReset(tx *store.Tx, g *guess, own staffkey.PersonID) error {
	end := thisHour(tx.Now)
	if own != "" {
		within, err := tx.CountWithin("reset/asked/"+string(own), resetsTyped, end)
		if err == nil && !within {
			err = mustWaitFor("rate", end.Sub(tx.Now))
		}
		return err
	}
	if err := g.countName(tx); err != nil {
		return err
	}
	within := true
	if g.wait == 0 && g.source != "" {
		var err error
		if within, err = tx.CountWithin(g.pair+"/wishes", resetsTyped, end); err != nil {
			return err
		}
	}
	if g.wait > 0 || !within {
		return mustWaitFor("rate.links", end.Sub(tx.Now))
	}
	return nil
}

// WorkResets answers the wishes for a new password that wait, and returns how many there were.
func (s *Service) WorkResets(ctx context.Context) (int, error) {
	var waiting []store.ResetRequest
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		waiting, err = tx.ListResetRequests(resetBatch)
		return err
	})
	for _, q := range waiting { // one that cannot be answered must not keep the others waiting
		err = errors.Join(err, s.answerReset(ctx, q))
	}
	if len(waiting) > 0 {
		s.wakeOut()
	}
	return len(waiting), err
}

func (s *Service) answerReset(ctx context.Context, q store.ResetRequest) error {
	var person staffkey.Person
	err := staffkey.ErrNotFound
	if q.Login != "" && s.now().Sub(q.CreatedAt) < ResetLinkLife { // otherwise it cannot be read, or nobody waits any more
		err = s.store.Read(ctx, func(tx *store.Tx) error {
			var err error
			person, err = tx.FindPersonByLogin(q.Login)
			return err
		})
	}
	if errors.Is(err, staffkey.ErrNotFound) || err == nil && (person.Email == "" || person.State != staffkey.PersonActive) {
		return s.store.Housekeep(ctx, func(tx *store.Tx) error { return gone(tx.TakeResetRequest(q.ID)) })
	}
	if err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventResetAsked, staffkey.Actor{Origin: q.Origin})
	event.Person, event.Organisation = person.ID, person.Organisation
	err = s.store.Change(ctx, event, func(tx *store.Tx) error {
		if err := tx.TakeResetRequest(q.ID); err != nil {
			return err
		}
		within, err := mayMailReset(tx, q, person.ID)
		if err != nil {
			return err
		}
		if !within {
			tx.Event.Outcome, tx.Event.Detail = staffkey.OutcomeRefused, map[string]string{"rule": "resets_a_day"}
			return nil
		}
		h, err := s.loadHolder(tx, person.ID)
		if err != nil {
			return err
		}
		message := staffkey.Outgoing{
			Channel: staffkey.ChannelEmail, To: h.person.Email, Template: "reset.ask", Language: h.person.Language, Person: person.ID,
			Organisation: person.Organisation, ExpiresAt: tx.Now.Add(ResetLinkLife), Args: map[string]string{"Name": h.person.Name, "Username": h.person.Username},
		}
		if message.Language == "" {
			message.Language = q.Origin.Language
		}
		if h.enrolment(staffkey.MethodPassword) != nil && policy.MayResetByMail(h.person, h.grants, h.holdings) == nil {
			secret := rand.Text()
			from := askedFrom(q, person.ID)
			if err := tx.CancelLinksAbout(store.LinkReset, person.ID, from); err != nil {
				return err
			}
			if err := tx.InsertLinkAbout(store.LinkReset, person.ID, from, secret, tx.Now.Add(ResetLinkLife)); err != nil {
				return err
			}
			message.Template, message.Args["Link"] = "reset.link", "/reset?t="+secret
		}
		return tx.InsertOutgoing(message)
	})
	return gone(err)
}

// mayMailReset counts a wish against those of its place for the person.
func mayMailReset(tx *store.Tx, q store.ResetRequest, person staffkey.PersonID) (bool, error) {
	of := "reset/" + string(person)
	if q.OwnOf == person {
		return tx.CountWithin(of+"/own", resetsOfOwner, tx.Now.Add(day))
	}
	if q.Source != "" {
		if within, err := tx.CountWithin(of+"/from/"+q.Source, resetsOfSource, tx.Now.Add(day)); err != nil || !within {
			return false, err
		}
	}
	within, err := tx.CountWithin(of, resetsAtOnce, tx.Now.Add(day))
	if err != nil || within {
		return within, err
	}
	return tx.CountWithin(of+"/later", 1, tx.Now.Add(resetsLater))
}

// askedFrom names where a link was asked from. A newer one ends those from the same place only: nobody ends the link of somebody else, and all
// of them end when one is used.
func askedFrom(q store.ResetRequest, person staffkey.PersonID) string {
	if q.OwnOf == person {
		return "own"
	}
	return q.Source
}

// gone makes light of a request that another node has answered.
func gone(err error) error {
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil
	}
	return err
}

// CheckResetLink returns whom a link is for, without using it up; ErrExpired when it is not good.
func (s *Service) CheckResetLink(ctx context.Context, secret string) (staffkey.Person, error) {
	return s.checkLink(ctx, store.LinkReset, secret)
}

// UseResetLink sets a new password, which ends all sessions. It signs nobody in and takes no second proof away: the next sign-in asks
// for it as ever.
func (s *Service) UseResetLink(ctx context.Context, origin staffkey.Origin, secret, password string) (staffkey.Person, error) {
	return s.usePasswordLink(ctx, origin, store.LinkReset, secret, password, staffkey.EventPasswordReset, func(h holder) error {
		return policy.MayResetByMail(h.person, h.grants, h.holdings)
	})
}

// usePasswordLink sets the password of the person whom a link is for and ends their sessions. The link and the password change in one
// transaction: used once, or not at all.
func (s *Service) usePasswordLink(ctx context.Context, origin staffkey.Origin, purpose, secret, password string, kind staffkey.EventKind, may func(holder) error) (staffkey.Person, error) {
	p, err := s.checkLink(ctx, purpose, secret)
	if err != nil {
		return p, err
	}
	state, err := s.passwordState(ctx, p, password)
	if err != nil {
		return p, err
	}
	event := staffkey.Event(kind, staffkey.Actor{Person: p.ID, Name: p.Name, Origin: origin})
	event.Person, event.Organisation, event.Subject = p.ID, p.Organisation, purpose
	err = s.store.Change(ctx, event, func(tx *store.Tx) error {
		id, err := tx.TakeLink(purpose, secret)
		if err != nil {
			return err
		}
		h, err := s.loadHolder(tx, id)
		if err != nil {
			return err
		}
		if err := may(h); err != nil {
			return err
		}
		had := h.enrolment(staffkey.MethodPassword) != nil
		if err := s.putEnrolment(tx, h, staffkey.MethodPassword, state, nil); err != nil {
			return err
		}
		tx.Event.Kind = kind
		if err := s.forgetGuesses(tx, h.person); err != nil {
			return err
		}
		if err := cancelPasswordLinks(tx, id); err != nil {
			return err
		}
		if _, err := tx.EndSessions(id, ""); err != nil || !had {
			return err
		}
		return s.tell(tx, "notice.password_reset", h, nil)
	})
	s.wake()
	return p, s.refuse(ctx, event, nil, err)
}

// cancelPasswordLinks uses up whatever links would set a person's password: it has just been chosen, and a link from before must not
// choose another.
func cancelPasswordLinks(tx *store.Tx, person staffkey.PersonID) error {
	for _, purpose := range []string{store.LinkReset, store.LinkFirstPassword} {
		if err := tx.CancelLinks(purpose, person); err != nil {
			return err
		}
	}
	return nil
}

// checkLink returns the person of a link that is still good.
func (s *Service) checkLink(ctx context.Context, purpose, secret string) (staffkey.Person, error) {
	var p staffkey.Person
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		id, err := tx.FindLink(purpose, secret)
		if err != nil {
			return err
		}
		p, err = tx.FindPerson(id)
		return err
	})
	return p, err
}
