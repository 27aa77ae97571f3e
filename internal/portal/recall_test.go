package portal_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey/mds"
)

// F83: who has a key that is recalled is told on each page about it, signs in with a password beside it, and is told when it ends.
func TestRecall_as_its_person_meets_it(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.session(h)
		b.get("/me").shows(t, "Home before", http.StatusOK, "Lanyard")
		recall, err := s.directory.StartRecall(t.Context(), staffkey.ConsoleActor(), staffkey.Recall{
			AAGUID: s.keys(h)[0].AAGUID, Organisation: "top", Reason: "Advisory", Until: s.clock.Now().Add(48 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		b.get("/me").shows(t, "Home", http.StatusOK, "Replace your key", "Must be replaced: works until", `href="/me/tokens/register"`)
		b.get("/me/tokens").shows(t, "the tokens", http.StatusOK, "Must be replaced: works until")

		alone := s.browser()
		alone.touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key alone", "/signin/outcome")
		alone.get("/signin/outcome").shows(t, "what came of it", http.StatusOK, "Your password is needed too", "enter your name and password first")
		both := s.browser()
		both.givePassword(h, testPassword)
		both.touch(h.key, "/signin/key/options", "/signin/key").leads(t, "password and key", "/me")

		s.clock.Advance(49 * time.Hour)
		over := s.browser()
		over.givePassword(h, testPassword)
		over.touch(h.key, "/signin/key/options", "/signin/key").leads(t, "the key after the date", "/signin/outcome")
		over.get("/signin/outcome").shows(t, "after the date", http.StatusOK, "This key was recalled", "ask a Local Administrator")
		if err := s.directory.UndoRecall(t.Context(), staffkey.ConsoleActor(), recall.ID); err == nil {
			t.Error("the recall was taken back after its date")
		}
	})
}

// judging stops in the middle of judging keys.
type judging struct {
	catalogue
	reached, goOn chan struct{}
}

func (j judging) Judge(k staffkey.SecurityKey) (staffkey.Trust, int) {
	j.reached <- struct{}{}
	<-j.goOn
	return j.catalogue.Judge(k)
}

// F83: a recall holds on every node after one look for recalls, also on one that is in the middle of judging keys.
func TestRecall_while_keys_are_judged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		issuer := s.alliance()
		if _, err := s.directory.ImportMetadata(t.Context(), staffkey.ConsoleActor(), issuer.BLOB(t, 57, s.clock.Now().AddDate(0, 1, 0)), "blob.jwt", directory.ImportChoice{}); err != nil {
			t.Fatal(err)
		}
		j := judging{reached: make(chan struct{}), goOn: make(chan struct{})}
		s.watch = func(m directory.Models) directory.Models {
			j.catalogue = m
			return j
		}
		node := s.otherNode()
		node.models.Believe(mds.Trust{Roots: issuer.Roots()})
		if err := node.directory.RefreshModels(t.Context()); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() {
			if n, err := node.directory.JudgeKeys(t.Context()); n != 1 || err != nil {
				t.Errorf("%d keys were judged (error %v), want 1", n, err)
			}
		})
		<-j.reached
		_, err := s.directory.StartRecall(t.Context(), staffkey.ConsoleActor(), staffkey.Recall{
			AAGUID: s.keys(h)[0].AAGUID, Organisation: "top", Reason: "Advisory", Until: s.clock.Now().Add(48 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		node.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key alone, before the node has looked", "/me")
		if err := node.directory.RefreshRecalls(t.Context()); err != nil {
			t.Fatal(err)
		}
		node.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key alone", "/signin/outcome")
		close(j.goOn)
		running.Wait()
	})
}
