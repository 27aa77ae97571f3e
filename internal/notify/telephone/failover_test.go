package telephone_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/telephone"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// gateway is an HTTP provider that answers with a status.
func gateway(t *testing.T, status int, asked *atomic.Int32) notify.Channel {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"reference":"r-1"}`) // the client reads all of it
	}))
	t.Cleanup(server.Close)
	c, err := telephone.NewHTTP(staffkey.ChannelText, telephone.HTTPConfig{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// deliver puts a code for a person into the outbox and delivers it by two gateways that answer as told. It returns how often each was
// asked, and what has become of the message.
func deliver(t *testing.T, s *store.Store, clock *storetest.Clock, person staffkey.PersonID, first, second int) (asked [2]int32, d store.Delivery, service *notify.Service) {
	t.Helper()
	ctx := t.Context()
	var one, two atomic.Int32
	service, err := notify.New(notify.Deps{
		Store: s, Channels: []notify.Channel{gateway(t, first, &one), gateway(t, second, &two)}, Address: "https://signin.example",
		Location: time.UTC, ServiceName: "Staffkey", Now: clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Housekeep(ctx, func(tx *store.Tx) error {
		return tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelText, To: "+447700900123", Template: "code.text", Args: map[string]string{"Code": "123456"}, Person: person, ExpiresAt: tx.Now.Add(10 * time.Minute),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := service.Deliver(ctx); n != 1 || err != nil {
		t.Fatalf("delivered %d, %v", n, err)
	}
	return [2]int32{one.Load(), two.Load()}, delivery(t, s, person), service
}

func delivery(t *testing.T, s *store.Store, person staffkey.PersonID) store.Delivery {
	t.Helper()
	var d store.Delivery
	err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.FindLatestDelivery(person, staffkey.ChannelText)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFailOver_between_gateways(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for _, c := range []struct {
			person        staffkey.PersonID
			first, second int
			asked         [2]int32
			state         staffkey.DeliveryState
		}{
			{"works", 202, 202, [2]int32{1, 0}, staffkey.DeliverySent},
			{"down", 503, 202, [2]int32{1, 1}, staffkey.DeliverySent},
			{"wrong_token", 401, 202, [2]int32{1, 1}, staffkey.DeliverySent},
			{"moved", 302, 202, [2]int32{1, 1}, staffkey.DeliverySent},
			{"bad_number", 422, 202, [2]int32{1, 0}, staffkey.DeliveryFailed},
			{"both_down", 503, 429, [2]int32{1, 1}, staffkey.DeliveryWaiting},
		} {
			asked, got, _ := deliver(t, s, clock, c.person, c.first, c.second)
			if diff := cmp.Diff(c.asked, asked); diff != "" {
				t.Errorf("%s: asked (-want +got):\n%s", c.person, diff)
			}
			if got.State != c.state {
				t.Errorf("%s: want %s, got %s (%s)", c.person, c.state, got.State, got.Problem)
			}
		}
	})
}

func TestReceipt_reaches_the_message(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		_, _, service := deliver(t, s, clock, "amara", 202, 202)
		hooks := telephone.Receipts(telephone.ReceiptsConfig{HTTPSecret: "secret", Note: service.NoteReceipt, Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
		send := func(reference, state string) int {
			body := `{"reference":"` + reference + `","state":"` + state + `","problem":"switched_off"}`
			at := strconv.FormatInt(clock.Now().Unix(), 10)
			mac := hmac.New(sha256.New, []byte("secret"))
			mac.Write([]byte(at + "." + body))
			r := httptest.NewRequest("POST", "/hooks/messages/http", strings.NewReader(body))
			r.Header.Set("X-Staffkey-Timestamp", at)
			r.Header.Set("X-Staffkey-Signature", hex.EncodeToString(mac.Sum(nil)))
			w := httptest.NewRecorder()
			hooks.ServeHTTP(w, r)
			return w.Code
		}
		for _, receipt := range []struct{ reference, state string }{{"r-2", "failed"}, {"r-1", "failed"}, {"r-1", "failed"}} { // unknown, the first, and one too late
			if got := send(receipt.reference, receipt.state); got != http.StatusNoContent {
				t.Errorf("%v: want 204, got %d", receipt, got)
			}
		}
		if d := delivery(t, s, "amara"); d.State != staffkey.DeliveryFailed || d.Problem != "switched_off" {
			t.Errorf("after the receipts: %+v", d)
		}
		// What arrives after all has arrived.
		if got, d := send("r-1", "delivered"), delivery(t, s, "amara"); got != http.StatusNoContent || d.State != staffkey.DeliveryDelivered {
			t.Errorf("delivered after all: %d, %+v", got, d)
		}
	})
}
