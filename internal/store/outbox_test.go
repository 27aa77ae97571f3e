package store_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

const lease = time.Minute

// sent is a message as [store.Tx.InsertOutgoing] takes it.
func sent(person staffkey.Person, channel staffkey.ChannelKind, expires time.Time) staffkey.Outgoing {
	return staffkey.Outgoing{
		Channel: channel, To: "+447700900123", Template: "code.text", Language: "cy", Args: map[string]string{"Code": "274911"},
		Person: person.ID, Organisation: person.Organisation, ExpiresAt: expires,
	}
}

func insertOutgoing(t testing.TB, s *store.Store, messages ...staffkey.Outgoing) {
	t.Helper()
	change(t, s, func(tx *store.Tx) error { return tx.InsertOutgoing(messages...) })
}

func takeOutgoing(t testing.TB, s *store.Store, channel staffkey.ChannelKind, limit int) (list []staffkey.Outgoing) {
	t.Helper()
	change(t, s, func(tx *store.Tx) (err error) {
		list, err = tx.TakeOutgoing(channel, []string{"code.text"}, lease, limit)
		return err
	})
	return list
}

func listOutgoing(t testing.TB, s *store.Store, f store.OutgoingFilter) []staffkey.Outgoing {
	t.Helper()
	return get(t, s, func(tx *store.Tx) ([]staffkey.Outgoing, error) { return tx.ListOutgoing(f) })
}

func TestOutboxTake(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		start := clock.Now()
		text := sent(amara, staffkey.ChannelText, odd)
		insertOutgoing(t, s, text, sent(amara, staffkey.ChannelEmail, odd))

		first := takeOutgoing(t, s, staffkey.ChannelText, 10)
		if len(first) != 1 {
			t.Fatalf("took %d messages, want 1", len(first))
		}
		want := text
		want.ID, want.CreatedAt, want.ExpiresAt, want.Attempts = first[0].ID, start, stored, 1
		if diff := cmp.Diff(want, first[0], exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got := takeOutgoing(t, s, staffkey.ChannelText, 10); len(got) != 0 {
			t.Errorf("took %d messages that are taken", len(got))
		}
		clock.Advance(lease - time.Microsecond)
		if got := takeOutgoing(t, s, staffkey.ChannelText, 10); len(got) != 0 {
			t.Error("took a message before its lease ended")
		}
		clock.Advance(time.Microsecond)
		again := takeOutgoing(t, s, staffkey.ChannelText, 10)
		if len(again) != 1 || again[0].Attempts != 2 || again[0].Args["Code"] != "274911" {
			t.Errorf("took %+v after the lease, want the message on its second attempt", again)
		}
		if got := takeOutgoing(t, s, staffkey.ChannelVoice, 10); len(got) != 0 {
			t.Errorf("took %d messages of another channel", len(got))
		}
	})
}

func TestOutboxTakesTheOldestFirst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		for n := range 5 {
			m := sent(amara, staffkey.ChannelText, odd)
			m.Args = map[string]string{"Code": fmt.Sprint(n)}
			insertOutgoing(t, s, m)
			clock.Advance(time.Second)
		}
		var got []string
		for range 3 {
			for _, m := range takeOutgoing(t, s, staffkey.ChannelText, 2) {
				got = append(got, m.Args["Code"])
			}
		}
		if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// Many nodes look at once: each message goes to one of them.
func TestOutboxTakersAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		const messages, takers = 100, 64
		for range messages {
			insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
		}
		taken := make([][]staffkey.Outgoing, takers)
		for _, err := range parallel(takers, func(i int) error {
			return s.Housekeep(context.Background(), func(tx *store.Tx) (err error) {
				taken[i], err = tx.TakeOutgoing(staffkey.ChannelText, []string{"code.text"}, lease, 2)
				return err
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		times := map[staffkey.OutgoingID]int{}
		for _, list := range taken {
			for _, m := range list {
				times[m.ID]++
			}
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("message %s was taken %d times", id, n)
			}
		}
		if len(times) != messages {
			t.Errorf("%d messages were taken, want all %d", len(times), messages)
		}
	})
}

func TestOutboxFinish(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
		m := takeOutgoing(t, s, staffkey.ChannelText, 1)[0]
		created := clock.Now()
		latest := func(tx *store.Tx) (store.Delivery, error) {
			return tx.FindLatestDelivery(amara.ID, staffkey.ChannelText)
		}
		expect := func(when string, want store.Delivery) {
			t.Helper()
			if diff := cmp.Diff(want, get(t, s, latest), exactTimes); diff != "" {
				t.Errorf("%s (-want +got)\n%s", when, diff)
			}
		}
		want := store.Delivery{Channel: staffkey.ChannelText, Template: "code.text", State: staffkey.DeliveryWaiting, CreatedAt: created}
		expect("while it waits", want)

		clock.Advance(time.Second)
		change(t, s, func(tx *store.Tx) error { return tx.FinishOutgoing(m.ID, "twilio", "SM1") })
		want.State, want.FinishedAt = staffkey.DeliverySent, clock.Now()
		expect("when it is sent", want)
		for name, again := range map[string]func(*store.Tx) error{
			"finish": func(tx *store.Tx) error { return tx.FinishOutgoing(m.ID, "twilio", "SM2") },
			"retry":  func(tx *store.Tx) error { return tx.RetryOutgoing(m, created, "late") },
			"fail":   func(tx *store.Tx) error { return tx.EndOutgoing(m.ID, staffkey.DeliveryFailed, "late") },
		} {
			t.Log(name)
			refused(t, s, staffkey.ErrNotFound, again)
		}
		// Another provider may use the same references.
		change(t, s, func(tx *store.Tx) error { return tx.NoteReceipt("http", "SM1", staffkey.DeliveryFailed, "late") })
		expect("after what comes too late", want)

		clock.Advance(time.Second)
		change(t, s, func(tx *store.Tx) error {
			return tx.NoteReceipt("twilio", "SM1", staffkey.DeliveryFailed, "no such number")
		})
		want.State, want.FinishedAt, want.Problem = staffkey.DeliveryFailed, clock.Now(), "no such number"
		expect("after the receipt", want)
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			return tx.NoteReceipt("twilio", "SM1", staffkey.DeliveryFailed, "again")
		})
		expect("after another", want)
		// A telephone that was switched off gets the message in the end, and that holds.
		clock.Advance(time.Second)
		change(t, s, func(tx *store.Tx) error { return tx.NoteReceipt("twilio", "SM1", staffkey.DeliveryDelivered, "") })
		want.State, want.FinishedAt, want.Problem = staffkey.DeliveryDelivered, clock.Now(), ""
		expect("when it has arrived after all", want)
		for _, state := range []staffkey.DeliveryState{staffkey.DeliveryFailed, staffkey.DeliveryDelivered} {
			refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.NoteReceipt("twilio", "SM1", state, "late") })
		}
		expect("when it had arrived", want)
		clock.Advance(24 * time.Hour)
		if got := takeOutgoing(t, s, staffkey.ChannelText, 1); len(got) != 0 {
			t.Error("took a message that was sent")
		}
	})
}

// A provider may be faster than our own note that it took the message, and says what it says once.
func TestReceiptBeforeTheNote(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		take := func() staffkey.OutgoingID {
			t.Helper()
			insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
			return takeOutgoing(t, s, staffkey.ChannelText, 1)[0].ID
		}
		receipt := func(provider string, state staffkey.DeliveryState, problem string) {
			t.Helper()
			change(t, s, func(tx *store.Tx) error { return tx.NoteReceipt(provider, "SM1", state, problem) })
		}
		finish := func(id staffkey.OutgoingID, reference string) store.Delivery {
			t.Helper()
			change(t, s, func(tx *store.Tx) error { return tx.FinishOutgoing(id, "twilio", reference) })
			return get(t, s, func(tx *store.Tx) (store.Delivery, error) {
				return tx.FindLatestDelivery(amara.ID, staffkey.ChannelText)
			})
		}
		id := take()
		receipt("http", staffkey.DeliveryDelivered, "")
		receipt("twilio", staffkey.DeliveryFailed, "unreachable\x00")
		receipt("twilio", staffkey.DeliveryFailed, "again") // what came first holds, as it does after the note
		clock.Advance(time.Second)
		if d := finish(id, "SM1"); d.State != staffkey.DeliveryFailed || d.Problem != "unreachable\uFFFD" || !d.FinishedAt.Equal(clock.Now()) {
			t.Errorf("after the note: %+v, want it failed now, as the receipt said", d)
		}
		if d := finish(take(), "SM1"); d.State != staffkey.DeliverySent {
			t.Errorf("another message of that reference: %+v, want it sent; the receipt was used", d)
		}
		id = take()
		for _, said := range []staffkey.DeliveryState{staffkey.DeliveryFailed, staffkey.DeliveryDelivered, staffkey.DeliveryFailed} { // it arrives after all
			change(t, s, func(tx *store.Tx) error { return tx.NoteReceipt("twilio", "SM2", said, "") })
		}
		if d := finish(id, "SM2"); d.State != staffkey.DeliveryDelivered || d.Problem != "" {
			t.Errorf("failed, then delivered, before the note: %+v, want it delivered", d)
		}
		if d := finish(take(), ""); d.State != staffkey.DeliverySent {
			t.Errorf("a message without a reference: %+v, want it sent", d)
		}

		change(t, s, func(tx *store.Tx) error {
			return tx.NoteReceipt("twilio", "SM9", staffkey.DeliveryFailed, "unreachable")
		})
		clock.Advance(time.Hour + time.Microsecond)
		change(t, s, (*store.Tx).Sweep)
		if d := finish(take(), "SM9"); d.State != staffkey.DeliverySent {
			t.Errorf("after an hour: %+v, want the receipt forgotten", d)
		}
	})
}

// Note and receipt at the same moment, in either order, come to the same.
func TestReceiptAndNoteAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		for round := range 20 {
			insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
			id, reference := takeOutgoing(t, s, staffkey.ChannelText, 1)[0].ID, fmt.Sprint("SM", round)
			for _, err := range parallel(2, func(i int) error {
				return s.Housekeep(t.Context(), func(tx *store.Tx) error {
					if i == 0 {
						return tx.FinishOutgoing(id, "twilio", reference)
					}
					return tx.NoteReceipt("twilio", reference, staffkey.DeliveryDelivered, "")
				})
			}) {
				if err != nil {
					t.Error(err)
				}
			}
			d := get(t, s, func(tx *store.Tx) (store.Delivery, error) {
				return tx.FindLatestDelivery(amara.ID, staffkey.ChannelText)
			})
			if d.State != staffkey.DeliveryDelivered {
				t.Fatalf("round %d: %s, want delivered", round, d.State)
			}
		}
	})
}

func TestOutboxRetryAndFail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
		m := takeOutgoing(t, s, staffkey.ChannelText, 1)[0]
		change(t, s, func(tx *store.Tx) error { return tx.RetryOutgoing(m, clock.Now().Add(5*time.Second), "busy\x00") })
		if got := takeOutgoing(t, s, staffkey.ChannelText, 1); len(got) != 0 {
			t.Error("took a message before its time")
		}
		clock.Advance(5 * time.Second)
		again := takeOutgoing(t, s, staffkey.ChannelText, 1)
		if len(again) != 1 || again[0].Attempts != 2 || again[0].To != m.To {
			t.Fatalf("took %+v, want the message on its second attempt", again)
		}
		change(t, s, func(tx *store.Tx) error { return tx.EndOutgoing(m.ID, staffkey.DeliveryFailed, "no such number") })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.EndOutgoing(m.ID, staffkey.DeliveryUnsure, "again") })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.RetryOutgoing(again[0], clock.Now(), "again") })
		d := get(t, s, func(tx *store.Tx) (store.Delivery, error) {
			return tx.FindLatestDelivery(amara.ID, staffkey.ChannelText)
		})
		if d.State != staffkey.DeliveryFailed || d.Problem != "no such number" || !d.FinishedAt.Equal(clock.Now()) {
			t.Errorf("got %+v, want it failed now", d)
		}
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (store.Delivery, error) {
			return tx.FindLatestDelivery(amara.ID, staffkey.ChannelVoice)
		})
	})
}

// A node takes only what it can write, and what nobody takes ends with its time: a message of a newer release waits for a node of it.
func TestOutboxTakesWhatItKnows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		newer := sent(amara, staffkey.ChannelText, clock.Now().Add(time.Hour))
		newer.Template = "code.newer"
		insertOutgoing(t, s, newer)
		take := func(templates ...string) (list []staffkey.Outgoing) {
			change(t, s, func(tx *store.Tx) (err error) {
				list, err = tx.TakeOutgoing(staffkey.ChannelText, templates, lease, 10)
				return err
			})
			return list
		}
		if got := len(take("code.text")) + len(take()); got != 0 {
			t.Errorf("took %d messages of a template that is not known", got)
		}
		expire := func(channel staffkey.ChannelKind) (list []store.Delivery) {
			change(t, s, func(tx *store.Tx) (err error) {
				list, err = tx.ExpireOutgoing(channel)
				return err
			})
			return list
		}
		clock.Advance(time.Hour - time.Microsecond)
		if got := expire(staffkey.ChannelText); len(got) != 0 {
			t.Errorf("ended before its time: %+v", got)
		}
		clock.Advance(time.Microsecond)
		if got := expire(staffkey.ChannelEmail); len(got) != 0 {
			t.Errorf("ended on another channel: %+v", got)
		}
		got := expire(staffkey.ChannelText)
		if len(got) != 1 || got[0].State != staffkey.DeliveryFailed || got[0].Template != "code.newer" || got[0].Problem != "expired" {
			t.Errorf("ended %+v, want the message, failed", got)
		}
		if left := take("code.newer"); len(left) != 0 {
			t.Errorf("took %+v, which has ended", left)
		}

		insertOutgoing(t, s, sent(amara, staffkey.ChannelText, clock.Now().Add(time.Hour)))
		m := take("code.text", "code.newer")[0]
		m.Unsure = 1
		change(t, s, func(tx *store.Tx) error { return tx.RetryOutgoing(m, clock.Now().Add(time.Minute), "no answer") })
		clock.Advance(time.Hour)
		if got := expire(staffkey.ChannelText); len(got) != 1 || got[0].State != staffkey.DeliveryUnsure || got[0].Problem != "expired; no answer" {
			t.Errorf("ended %+v, want the message, of which nobody knows whether it arrived", got)
		}
	})
}

// Whoever sends a message keeps it while it does, unless somebody else has taken it.
func TestOutboxKeep(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
		first := takeOutgoing(t, s, staffkey.ChannelText, 1)[0]
		for range 3 {
			clock.Advance(lease - time.Second)
			change(t, s, func(tx *store.Tx) error { return tx.KeepOutgoing(first, lease) })
			if got := takeOutgoing(t, s, staffkey.ChannelText, 1); len(got) != 0 {
				t.Fatal("took a message that is kept")
			}
		}
		clock.Advance(lease)
		second := takeOutgoing(t, s, staffkey.ChannelText, 1)[0]
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.KeepOutgoing(first, lease) })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.RetryOutgoing(first, clock.Now(), "late") })
		change(t, s, func(tx *store.Tx) error { return tx.KeepOutgoing(second, lease) })
		change(t, s, func(tx *store.Tx) error { return tx.FinishOutgoing(first.ID, "twilio", "") }) // it was sent, whoever has it now
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.KeepOutgoing(second, lease) })
	})
}

// A message that cannot be opened keeps no other waiting.
func TestOutboxOfAnotherKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd), sent(amara, staffkey.ChannelText, odd))
		first := listOutgoing(t, s, store.OutgoingFilter{})[0]
		change(t, s, func(tx *store.Tx) error { return store.SpoilPayload(tx, first.ID) })
		got := takeOutgoing(t, s, staffkey.ChannelText, 10)
		if len(got) != 2 || got[0].ID != first.ID || got[0].To != "" || got[0].Args != nil || got[1].Args["Code"] != "274911" {
			t.Errorf("took %+v, want both, the first without what it says", got)
		}
	})
}

// A thief of the database finds no numbers and no codes, and nobody finds them when the message has gone.
func TestOutboxPayload(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		for name, end := range map[string]func(*store.Tx, staffkey.OutgoingID) error{
			"sent": func(tx *store.Tx, id staffkey.OutgoingID) error { return tx.FinishOutgoing(id, "http", "") },
			"failed": func(tx *store.Tx, id staffkey.OutgoingID) error {
				return tx.EndOutgoing(id, staffkey.DeliveryFailed, "expired")
			},
		} {
			insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd))
			m := takeOutgoing(t, s, staffkey.ChannelText, 1)[0]
			raw := func() []byte {
				t.Helper()
				return get(t, s, func(tx *store.Tx) ([]byte, error) { return store.RawPayload(tx, m.ID) })
			}
			if r := raw(); len(r) == 0 || bytes.Contains(r, []byte("7700900123")) || bytes.Contains(r, []byte("274911")) {
				t.Errorf("%s: the payload %q is not sealed", name, r)
			}
			if _, err := s.Sealer().Open("outbox/another", raw()); err == nil {
				t.Errorf("%s: the payload opens in another row", name)
			}
			change(t, s, func(tx *store.Tx) error { return end(tx, m.ID) })
			if r := raw(); len(r) != 0 {
				t.Errorf("%s: the payload is still there, %d bytes", name, len(r))
			}
			for _, gone := range listOutgoing(t, s, store.OutgoingFilter{State: staffkey.DeliveryState(name)}) {
				if gone.To != "" || gone.Args != nil || gone.Person != amara.ID {
					t.Errorf("%s: got %+v, want it without address and text", name, gone)
				}
			}
		}
	})
}

func TestListAndCountOutgoing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		trust := plant(t, s).trust.ID
		amara, rhys := addPerson(t, s, trust, "amara"), addPerson(t, s, trust, "rhys")
		insertOutgoing(t, s, sent(amara, staffkey.ChannelText, odd), sent(amara, staffkey.ChannelEmail, odd), sent(rhys, staffkey.ChannelText, odd))
		taken := takeOutgoing(t, s, staffkey.ChannelEmail, 1)[0]
		change(t, s, func(tx *store.Tx) error { return tx.FinishOutgoing(taken.ID, "smtp", "") })
		for _, test := range []struct {
			filter store.OutgoingFilter
			want   int
		}{
			{store.OutgoingFilter{}, 3},
			{store.OutgoingFilter{Person: amara.ID}, 2},
			{store.OutgoingFilter{Person: amara.ID, Channel: staffkey.ChannelText}, 1},
			{store.OutgoingFilter{State: staffkey.DeliverySent}, 1},
			{store.OutgoingFilter{Person: rhys.ID, State: staffkey.DeliverySent}, 0},
		} {
			if got := len(listOutgoing(t, s, test.filter)); got != test.want {
				t.Errorf("%+v: %d messages, want %d", test.filter, got, test.want)
			}
		}
		counts := get(t, s, (*store.Tx).CountOutgoing)
		if diff := cmp.Diff(map[staffkey.ChannelKind]store.Backlog{staffkey.ChannelText: {Messages: 2, Since: clock.Now()}}, counts, exactTimes); diff != "" {
			t.Errorf("waiting (-want +got)\n%s", diff)
		}

		// The sweep goes by the ids, which are made now: a clock far ahead makes them old. What waits stays.
		clock.Advance(50 * 365 * 24 * time.Hour)
		change(t, s, (*store.Tx).Sweep)
		if got := len(listOutgoing(t, s, store.OutgoingFilter{})); got != 2 {
			t.Errorf("after the sweep: %d messages, want the 2 that wait", got)
		}
	})
}
