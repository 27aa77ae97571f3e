package store

import (
	"crypto/rand"
	"maps"
	"time"

	"staffkey"
)

// Purposes of one-time links that more than one package speaks of.
const (
	LinkNotMe         = "not_me"         // in notices: "This was not me"
	LinkReset         = "reset"          // choose a new password, asked for by mail
	LinkFirstPassword = "first_password" // choose a first password, given by an administrator
)

// Lives of notices and of the links in them.
const (
	noticeLife  = 3 * 24 * time.Hour
	notMeLife   = 14 * 24 * time.Hour
	maxNotified = 5 // Local Administrators or operators who are told of one thing
)

// noticeArgs are what every notice says: whom it is about, when, and from where; or by whom, when somebody else did it, whose place
// is nobody's business.
func (tx *Tx) noticeArgs(p staffkey.Person, args map[string]string) map[string]string {
	all := map[string]string{"Name": p.Name, "Username": p.Username, "At": tx.Now.Format(time.RFC3339)}
	if tx.Event.Actor == "" || tx.Event.Actor == p.ID {
		all["IP"], all["Browser"] = tx.Event.IP, tx.Event.Browser
	} else {
		all["By"] = tx.Event.ActorName
	}
	maps.Copy(all, args)
	return all
}

// InsertNotice tells a person by e-mail of what the transaction does, with a link that stops it: "This was not me". A person without
// an address is told nothing. Link holds the path; whoever sends the message knows the address of the service.
func (tx *Tx) InsertNotice(template string, p staffkey.Person, args map[string]string) error {
	if p.Email == "" {
		return nil
	}
	secret := rand.Text()
	if err := tx.InsertLinkAbout(LinkNotMe, p.ID, template, secret, tx.Now.Add(notMeLife)); err != nil {
		return err
	}
	all := tx.noticeArgs(p, args)
	all["Link"] = "/not-me?t=" + secret
	return tx.InsertOutgoing(staffkey.Outgoing{
		Channel: staffkey.ChannelEmail, To: p.Email, Template: template, Language: p.Language, Args: all,
		Person: p.ID, Organisation: p.Organisation, ExpiresAt: tx.Now.Add(noticeLife),
	})
}

// InsertAlert tells a person by text message of a change that would lock out or let in: in a second place, in case the mailbox is in
// other hands (NIST SP 800-63B-4 §4.6). For somebody without an e-mail address it carries the link of a notice.
func (tx *Tx) InsertAlert(template string, p staffkey.Person, number string) error {
	args := map[string]string{}
	if p.Email == "" {
		secret := rand.Text()
		if err := tx.InsertLinkAbout(LinkNotMe, p.ID, template, secret, tx.Now.Add(notMeLife)); err != nil {
			return err
		}
		args["Link"] = "/not-me?t=" + secret
	}
	return tx.InsertOutgoing(staffkey.Outgoing{
		Channel: staffkey.ChannelText, To: number, Template: "alert.changed", Language: p.Language, Args: args,
		Person: p.ID, Organisation: p.Organisation, ExpiresAt: tx.Now.Add(noticeLife),
	})
}

// InsertOrganisationNotice tells the nearest Local Administrators of an organisation, as far as they have an address, of something that is
// about nobody in particular.
func (tx *Tx) InsertOrganisationNotice(template string, organisation staffkey.OrganisationID, args map[string]string) error {
	administrators, err := tx.nearestAdministrators(organisation, maxNotified, " AND p.email <> ''")
	if err != nil {
		return err
	}
	for _, a := range administrators {
		err := tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelEmail, To: a.Email, Template: template, Language: a.Language, Args: args,
			Organisation: organisation, ExpiresAt: tx.Now.Add(noticeLife),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// InsertOperatorNotice tells operators, as far as they have an address, of something that concerns the whole installation.
func (tx *Tx) InsertOperatorNotice(template string, args map[string]string) error {
	operators, err := tx.listOperators(maxNotified)
	if err != nil {
		return err
	}
	for _, o := range operators {
		err := tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelEmail, To: o.Email, Template: template, Language: o.Language, Args: args,
			Organisation: o.Organisation, ExpiresAt: tx.Now.Add(noticeLife),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// InsertAdministratorNotice tells the Local Administrators of a person of what the transaction does: the nearest who have an address
// and are not the person themself.
func (tx *Tx) InsertAdministratorNotice(template string, p staffkey.Person, args map[string]string) error {
	administrators, err := tx.administratorsToTell(p.Organisation, p.ID)
	if err != nil {
		return err
	}
	for _, a := range administrators {
		err := tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelEmail, To: a.Email, Template: template, Language: a.Language, Args: tx.noticeArgs(p, args),
			Person: p.ID, Organisation: p.Organisation, ExpiresAt: tx.Now.Add(noticeLife),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
