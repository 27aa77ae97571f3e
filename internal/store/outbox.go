package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"staffkey"
)

// outboxPayload is what of a message is sealed.
type outboxPayload struct {
	To       string            `json:"to"`
	Language string            `json:"l,omitempty"`
	Args     map[string]string `json:"a,omitempty"`
}

// InsertOutgoing puts messages into the outbox, in the change that they tell of. Id, time and state are set here.
func (tx *Tx) InsertOutgoing(messages ...staffkey.Outgoing) error {
	for _, m := range messages {
		id := NewID[staffkey.OutgoingID]()
		plain, err := json.Marshal(outboxPayload{m.To, m.Language, m.Args})
		if err != nil {
			return err
		}
		sealed, err := tx.sealer.Seal("outbox/"+string(id), plain)
		if err != nil {
			return err
		}
		err = tx.exec(`INSERT INTO outbox (id, channel, template, person_id, organisation_id, payload, state, attempts, created_at, next_at, expires_at,
			provider, provider_ref, problem) VALUES `+placeholders(1, 14),
			id, m.Channel, m.Template, m.Person, m.Organisation, sealed, staffkey.DeliveryWaiting, 0, tx.Now, tx.Now, instant(m.ExpiresAt), "", "", "")
		if err != nil {
			return err
		}
	}
	return nil
}

const outboxColumns = "id, channel, template, person_id, organisation_id, payload, attempts, unsure, created_at, expires_at"

// errSealed is a message that the sealing key does not open.
var errSealed = errors.New("a message cannot be opened")

func (tx *Tx) scanOutgoing(r interface{ Scan(...any) error }) (staffkey.Outgoing, error) {
	var m staffkey.Outgoing
	var sealed []byte
	if err := r.Scan(&m.ID, &m.Channel, &m.Template, &m.Person, &m.Organisation, &sealed, &m.Attempts, &m.Unsure, &m.CreatedAt, &m.ExpiresAt); err != nil {
		return m, found(err)
	}
	m.CreatedAt, m.ExpiresAt = m.CreatedAt.UTC(), m.ExpiresAt.UTC()
	if len(sealed) == 0 { // it has gone
		return m, nil
	}
	plain, err := tx.sealer.Open("outbox/"+string(m.ID), sealed)
	if err != nil {
		return m, fmt.Errorf("%w: %w", errSealed, err)
	}
	var payload outboxPayload
	err = json.Unmarshal(plain, &payload)
	m.To, m.Language, m.Args = payload.To, payload.Language, payload.Args
	return m, err
}

// TakeOutgoing returns the oldest messages that are due on one channel and have one of some templates, and keeps them from every other node
// until the lease ends, when whoever took them must have failed. A message that this sealing key does not open has no address.
func (tx *Tx) TakeOutgoing(channel staffkey.ChannelKind, templates []string, lease time.Duration, limit int) ([]staffkey.Outgoing, error) {
	if len(templates) == 0 {
		return nil, nil
	}
	n := len(templates)
	args := make([]any, 0, n+4)
	for _, t := range templates {
		args = append(args, t)
	}
	args = append(args, instant(tx.Now.Add(lease)), tx.Now, channel, limit)
	var list []staffkey.Outgoing
	err := tx.rows(func(r scanner) error {
		m, err := tx.scanOutgoing(r)
		if errors.Is(err, errSealed) { // it must not keep the others waiting
			err = nil
		}
		list = append(list, m)
		return err
	}, fmt.Sprintf(`UPDATE outbox SET attempts = attempts + 1, next_at = $%d WHERE state = 'waiting' AND next_at <= $%d AND id IN
		(SELECT id FROM outbox WHERE state = 'waiting' AND channel = $%d AND next_at <= $%d AND template IN %s ORDER BY next_at, id LIMIT $%d) RETURNING `+outboxColumns,
		n+1, n+2, n+3, n+2, placeholders(1, n), n+4), args...)
	slices.SortFunc(list, func(a, b staffkey.Outgoing) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, err
}

// KeepOutgoing makes the lease of a message that is being sent begin anew. ErrNotFound: it is somebody else's by now.
func (tx *Tx) KeepOutgoing(m staffkey.Outgoing, lease time.Duration) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE outbox SET next_at = $1 WHERE id = $2 AND state = 'waiting' AND attempts = $3", instant(tx.Now.Add(lease)), m.ID, m.Attempts)
}

// ExpireOutgoing ends what is due on a channel and of no use any more, whether anybody here could send it or not, and returns it.
func (tx *Tx) ExpireOutgoing(channel staffkey.ChannelKind) ([]Delivery, error) {
	var list []Delivery
	err := tx.rows(func(r scanner) error {
		d := Delivery{Channel: channel, FinishedAt: tx.Now}
		err := r.Scan(&d.Template, &d.State, &d.CreatedAt, &d.Problem)
		d.CreatedAt = d.CreatedAt.UTC()
		list = append(list, d)
		return err
	}, `UPDATE outbox SET state = CASE WHEN unsure > 0 THEN 'unsure' ELSE 'failed' END, problem = CASE WHEN problem = '' THEN 'expired' ELSE 'expired; ' || problem END,
		finished_at = $1, payload = $2 WHERE state = 'waiting' AND channel = $3 AND next_at <= $1 AND expires_at <= $1 RETURNING template, state, created_at, problem`,
		tx.Now, []byte{}, channel)
	return list, err
}

// FinishOutgoing notes that a provider has taken a message, under which reference, and erases its text. A receipt that was faster than
// this note ends the message at once. ErrNotFound: it is not waiting any more.
func (tx *Tx) FinishOutgoing(id staffkey.OutgoingID, provider, reference string) error {
	err := tx.one(staffkey.ErrNotFound, `UPDATE outbox SET state = 'sent', provider = $1, provider_ref = $2, finished_at = $3, payload = $4, problem = ''
		WHERE id = $5 AND state = 'waiting'`, provider, text(reference), tx.Now, []byte{}, id)
	if err != nil || reference == "" {
		return err
	}
	var state staffkey.DeliveryState
	var problem string
	err = found(tx.q.queryRow("DELETE FROM receipts WHERE provider = $1 AND provider_ref = $2 RETURNING state, problem", provider, text(reference)).
		Scan(&state, &problem))
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.NoteReceipt(provider, reference, state, problem)
}

// RetryOutgoing puts a message back until a later instant, with how often it may have gone out. The problem is a short text without secrets.
// ErrNotFound: it is not waiting any more, or somebody else has it.
func (tx *Tx) RetryOutgoing(m staffkey.Outgoing, at time.Time, problem string) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE outbox SET next_at = $1, problem = $2, unsure = $3 WHERE id = $4 AND state = 'waiting' AND attempts = $5",
		instant(at), text(problem), m.Unsure, m.ID, m.Attempts)
}

// EndOutgoing gives a message up, as failed or unsure, and erases its text.
func (tx *Tx) EndOutgoing(id staffkey.OutgoingID, state staffkey.DeliveryState, problem string) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE outbox SET state = $1, problem = $2, finished_at = $3, payload = $4
		WHERE id = $5 AND state = 'waiting'`, state, text(problem), tx.Now, []byte{}, id)
}

// receiptLife is how long a receipt waits for the note that its message was taken. That note is written as soon as the provider has
// answered; after a crash between the two it never is, because the message is then sent again under another reference.
const receiptLife = time.Hour

// NoteReceipt notes what a provider says later about a message that it took: delivered, or failed. What it said first holds, but for a
// message that arrives after all. Providers can be faster than our own note that they took it, and few say it twice: a receipt of a message
// that is not known yet is kept for [Tx.FinishOutgoing]. ErrNotFound: what became of the message was known.
func (tx *Tx) NoteReceipt(provider, reference string, state staffkey.DeliveryState, problem string) error {
	err := tx.one(staffkey.ErrNotFound, `UPDATE outbox SET state = $1, problem = $2, finished_at = $3 WHERE provider = $4 AND provider_ref = $5
		AND (state = 'sent' OR state = 'failed' AND $1 = 'delivered')`, string(state), text(problem), tx.Now, provider, text(reference))
	if !errors.Is(err, staffkey.ErrNotFound) {
		return err
	}
	var known int
	if err := tx.q.queryRow("SELECT COUNT(*) FROM outbox WHERE provider = $1 AND provider_ref = $2", provider, text(reference)).Scan(&known); err != nil {
		return err
	}
	if known > 0 {
		return staffkey.ErrNotFound
	}
	return tx.exec(`INSERT INTO receipts (provider, provider_ref, state, problem, received_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (provider, provider_ref) DO UPDATE SET state = excluded.state, problem = excluded.problem
		WHERE receipts.state = 'failed' AND excluded.state = 'delivered'`, provider, text(reference), state, text(problem), tx.Now)
}

// OutgoingFilter narrows a list of messages. Zero fields do not narrow.
type OutgoingFilter struct {
	Person  staffkey.PersonID
	Channel staffkey.ChannelKind
	State   staffkey.DeliveryState
}

// ListOutgoing returns the messages of a filter, oldest first, at most 1,000. Those that have gone have no address and text left.
func (tx *Tx) ListOutgoing(f OutgoingFilter) ([]staffkey.Outgoing, error) {
	var list []staffkey.Outgoing
	err := tx.rows(func(r scanner) error {
		m, err := tx.scanOutgoing(r)
		list = append(list, m)
		return err
	}, "SELECT "+outboxColumns+" FROM outbox WHERE ($1 = '' OR person_id = $1) AND ($2 = '' OR channel = $2) AND ($3 = '' OR state = $3) ORDER BY id LIMIT 1000",
		string(f.Person), string(f.Channel), string(f.State))
	return list, err
}

// Delivery is how far a message has come, without what it says.
type Delivery struct {
	Channel    staffkey.ChannelKind
	Template   string
	State      staffkey.DeliveryState
	CreatedAt  time.Time
	FinishedAt time.Time
	Problem    string
}

// FindLatestDelivery returns how the latest message to a person on a channel fares, or ErrNotFound.
func (tx *Tx) FindLatestDelivery(person staffkey.PersonID, channel staffkey.ChannelKind) (Delivery, error) {
	var d Delivery
	var finished sql.NullTime
	err := tx.q.queryRow(`SELECT channel, template, state, created_at, finished_at, problem FROM outbox WHERE person_id = $1 AND channel = $2
		ORDER BY id DESC LIMIT 1`, person, channel).Scan(&d.Channel, &d.Template, &d.State, &d.CreatedAt, &finished, &d.Problem)
	d.CreatedAt, d.FinishedAt = d.CreatedAt.UTC(), utc(finished)
	return d, found(err)
}

// CountLate returns how many messages have waited to go out since before an instant.
func (tx *Tx) CountLate(before time.Time) (n int, err error) {
	err = tx.q.queryRow("SELECT COUNT(*) FROM outbox WHERE state = 'waiting' AND created_at < $1", instant(before)).Scan(&n)
	return n, err
}

// Backlog is what waits on a channel.
type Backlog struct {
	Messages int
	// Since is when the oldest of them was put there.
	Since time.Time
}

// CountOutgoing returns what waits on each channel, for metrics.
func (tx *Tx) CountOutgoing() (map[staffkey.ChannelKind]Backlog, error) {
	counts := map[staffkey.ChannelKind]Backlog{}
	err := tx.rows(func(r scanner) error {
		var channel staffkey.ChannelKind
		var w Backlog
		err := r.Scan(&channel, &w.Messages)
		counts[channel] = w
		return err
	}, "SELECT channel, COUNT(*) FROM outbox WHERE state = 'waiting' GROUP BY channel")
	for channel, w := range counts {
		if err != nil {
			break
		}
		err = tx.q.queryRow("SELECT created_at FROM outbox WHERE state = 'waiting' AND channel = $1 ORDER BY created_at LIMIT 1", channel).Scan(&w.Since)
		w.Since = w.Since.UTC()
		counts[channel] = w
	}
	return counts, err
}
