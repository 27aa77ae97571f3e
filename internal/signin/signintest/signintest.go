// Package signintest is the exercise that every sign-in method passes, and the small installation that it runs in.
//
// A method is right when its right answers sign in and when nothing else does: not a wrong answer, not one that was given
// before, not one of another ceremony, purpose, method, session or person, not a late one, and not a disabled person's.
// [Exercise] tries all of that through [signin.Service], on every engine, so that a method's own tests are about what only
// that method can get wrong. Whatever is refused must leave exactly one refused event and no session.
//
// It is for tests only.
package signintest

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"strconv"
	"testing"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// Subject is the method to exercise, with the rules by which it refuses.
type Subject struct {
	// New returns the method over a store.
	New func(t testing.TB, s *store.Store) signin.Method
	// Hand gives a person what they hold: a key, a sheet of paper, a telephone. A hand whose answers depend on the time
	// may move the clock.
	Hand func(t testing.TB, s *store.Store, clock *storetest.Clock) Hand
	// SetUp sets the method up for the person of a browser where it is not the person who does; nil where it is.
	SetUp func(t testing.TB, w *World, in Browser, hand Hand)
	// Level and PhishingResistant are the assurance of a password together with this method.
	Level             int
	PhishingResistant bool
	// Wrong is the rule that refuses what Hand.Wrong answers, Replayed the rule that refuses an answer in a ceremony
	// begun after it was accepted, and Another the rule that refuses what is right for somebody else.
	Wrong, Replayed, Another string
	// Respent is the rule that refuses an answer that comes once more in the ceremony that accepted it, and Missing the rule
	// that refuses a person who has not set the method up. Empty: "ceremony_spent", and Another.
	Respent, Missing string
	// Answers is how many right answers there are until the method is set up anew; 0 is any number.
	Answers int
	// Always says that no policy forbids the method.
	Always bool
	// Skip names the cases that do not apply to the method, each with the reason, which the test's output tells.
	Skip map[string]string
}

// Hand is what one person holds to prove who they are by the method. Its functions are called from one goroutine.
type Hand struct {
	// BeforeEnrolment is called before each enrolment begins, and Before before each proof: a code is sent, or time goes by.
	// Nil where nothing has to happen first.
	BeforeEnrolment func(w *World, in Browser)
	Before          func(Proof)
	// Enrol answers the options of an enrolment.
	Enrol func(options json.RawMessage) []byte
	// Keep receives what the end of an enrolment shows once; nil where nothing is shown.
	Keep func(show []string)
	// Answer answers the options of a proof, rightly, and each time after Before with an answer that was not given before,
	// if the method has more than one. It is asked for at most nine of them.
	Answer func(options json.RawMessage) []byte
	// Wrong answers with what looks right and is not.
	Wrong func(options json.RawMessage) []byte
}

// Proof is a proof about to begin: a sign-in with an attempt, or a step-up of an actor.
type Proof struct {
	World   *World
	Person  staffkey.Person
	Attempt signin.Attempt
	Actor   staffkey.Actor // zero at a sign-in
}

// decoyKind is the kind of the method that stands beside the subject, so that its ceremonies can be tried elsewhere.
const decoyKind staffkey.MethodKind = "decoy"

// decoy is a method that accepts everything.
type decoy struct{}

func (decoy) Kind() staffkey.MethodKind { return decoyKind }
func (decoy) Remaining([]byte) int      { return -1 }

func (decoy) BeginEnrolment(context.Context, signin.Enrolling) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

func (decoy) FinishEnrolment(context.Context, signin.Enrolling, staffkey.Ceremony, []byte) (signin.Enrolled, error) {
	return signin.Enrolled{State: []byte("decoy")}, nil
}

func (decoy) BeginVerification(context.Context, signin.Verifying) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

func (decoy) FinishVerification(_ context.Context, v signin.Verifying, _ staffkey.Ceremony, _ []byte) (signin.Verified, error) {
	return signin.Verified{Person: v.Person.ID, Proof: staffkey.Proof{Method: decoyKind, Possession: true, At: v.Now}}, nil
}

// bench is a subject in a world of its own, with one person who has set it up.
type bench struct {
	*World
	subject Subject
	kind    staffkey.MethodKind
	person  staffkey.Person
	hand    Hand
	hands   map[staffkey.PersonID]Hand // of those who have set it up
}

// begun is a ceremony under way, as the page has it.
type begun struct {
	signin.Begun
	attempt signin.Attempt
}

func newBench(t *testing.T, subject Subject, s *store.Store, clock *storetest.Clock) *bench {
	t.Helper()
	m := subject.New(t, s)
	b := &bench{World: NewWorld(t, s, clock, m, decoy{}), subject: subject, kind: m.Kind(), hands: map[staffkey.PersonID]Hand{}}
	b.allow(t, b.kind, decoyKind)
	b.person = b.AddPerson(t, "amara")
	b.hand = subject.Hand(t, s, clock)
	b.setUp(t, b.Enter(t, b.person), b.hand)
	return b
}

// allow sets the policy's methods; the kinds that no policy forbids are not named in one.
func (b *bench) allow(t *testing.T, kinds ...staffkey.MethodKind) {
	t.Helper()
	methods := []staffkey.MethodKind{}
	for _, k := range kinds {
		if k != staffkey.MethodPassword && k != staffkey.MethodSecurityKey && k != staffkey.MethodPass {
			methods = append(methods, k)
		}
	}
	b.Change(t, func(tx *store.Tx) error {
		return tx.PutPolicySettings(b.Organisation.ID, staffkey.PolicySettings{Methods: &methods})
	})
}

// setUp sets the method up for the person of a browser.
func (b *bench) setUp(t *testing.T, in Browser, hand Hand) {
	t.Helper()
	b.hands[in.Actor.Person] = hand
	if b.subject.SetUp != nil {
		b.subject.SetUp(t, b.World, in, hand)
		return
	}
	started := b.beginEnrolment(t, in, hand)
	done, err := b.enrol(t, in, started.Sealed, hand.Enrol(started.Options))
	if err != nil {
		t.Fatalf("finish enrolment: %v", err)
	}
	if done.Key.ID != "" {
		if err := b.Service.NameKey(t.Context(), in.Actor, done.Key.ID, "Blue lanyard"); err != nil {
			t.Fatalf("name the key: %v", err)
		}
	}
	if hand.Keep != nil {
		hand.Keep(done.Show)
	}
}

// beginEnrolment begins to set the method up in a browser.
func (b *bench) beginEnrolment(t *testing.T, in Browser, hand Hand) begun {
	t.Helper()
	if hand.BeforeEnrolment != nil {
		hand.BeforeEnrolment(b.World, in)
	}
	started, err := b.Service.BeginEnrolment(t.Context(), in.Actor, b.kind, signin.EnrolOptions{})
	if err != nil {
		t.Fatalf("begin enrolment: %v", err)
	}
	return begun{Begun: started}
}

func (b *bench) enrol(t *testing.T, in Browser, sealed string, body []byte) (signin.EnrolmentDone, error) {
	return b.Service.FinishEnrolment(t.Context(), in.Actor, signin.Answer{Sealed: sealed, Method: b.kind, Body: body})
}

// somebody adds another person with the method set up in a hand of their own.
func (b *bench) somebody(t *testing.T, username string) (staffkey.Person, Hand, Browser) {
	t.Helper()
	p, hand := b.AddPerson(t, username), b.subject.Hand(t, b.Store, b.Clock)
	in := b.Enter(t, p)
	b.setUp(t, in, hand)
	return p, hand, in
}

// begin begins a sign-in, and with it a new answer for those who have the method.
func (b *bench) begin(t *testing.T, p staffkey.Person) begun {
	t.Helper()
	b.ready(p)
	return b.start(t, p)
}

// ready has the hand of a person get ready for a sign-in.
func (b *bench) ready(p staffkey.Person) {
	if before := b.hands[p.ID].Before; before != nil {
		before(Proof{World: b.World, Person: p, Attempt: b.Attempt(p)})
	}
}

// start begins a sign-in with the answer that is there.
func (b *bench) start(t *testing.T, p staffkey.Person) begun {
	t.Helper()
	a := b.Attempt(p)
	started, err := b.Service.BeginSignIn(t.Context(), a, b.kind)
	if err != nil {
		t.Fatalf("begin sign-in: %v", err)
	}
	return begun{started, a}
}

func (b *bench) beginStepUp(t *testing.T, in Browser) begun {
	t.Helper()
	if before := b.hands[in.Actor.Person].Before; before != nil {
		before(Proof{World: b.World, Person: b.person, Actor: in.Actor})
	}
	return b.startStepUp(t, in)
}

// startStepUp begins a step-up with the answer that is there.
func (b *bench) startStepUp(t *testing.T, in Browser) begun {
	t.Helper()
	started, err := b.Service.BeginStepUp(t.Context(), in.Actor, b.kind)
	if err != nil {
		t.Fatalf("begin step-up: %v", err)
	}
	return begun{Begun: started}
}

// finish answers a sign-in.
func (b *bench) finish(ctx context.Context, c begun, body []byte) (signin.SignedIn, error) {
	return b.Service.FinishSignIn(ctx, Origin, c.attempt, signin.Answer{Sealed: c.Sealed, Method: b.kind, Body: body}, staffkey.Session{})
}

// finishStepUp answers a step-up in a browser.
func (b *bench) finishStepUp(ctx context.Context, in Browser, c begun, body []byte) (signin.SignedIn, error) {
	return b.Service.FinishStepUp(ctx, in.Actor, signin.Answer{Sealed: c.Sealed, Method: b.kind, Body: body}, in.Session)
}

// signIn signs the person in.
func (b *bench) signIn(t *testing.T) Browser {
	t.Helper()
	c := b.begin(t, b.person)
	in, err := b.finish(t.Context(), c, b.hand.Answer(c.Options))
	if err != nil {
		t.Fatalf("sign in: %v", err)
	}
	return b.Browser(t, in)
}

// stillWorks checks that the refusals before have broken nothing.
func (b *bench) stillWorks(t *testing.T) {
	t.Helper()
	b.signIn(t)
}

// late is when a ceremony has just expired.
const late = staffkey.CeremonyLife

// runners is how many try the same at once in a race.
const runners = 64

// rounds is how often a race is run: 5 times, or as often as STAFFKEY_RACE_ROUNDS says.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("STAFFKEY_RACE_ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STAFFKEY_RACE_ROUNDS=%s, want a number of rounds", text)
	}
	return n
}

// Exercise runs everything that holds for every method against one.
func Exercise(t *testing.T, subject Subject) {
	t.Helper()
	cases := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"right answer signs in", rightAnswer},
		{"right answer proves again in a session", rightStepUp},
		{WrittenOtherwise, writtenOtherwise},
		{"wrong answer is refused and uses the ceremony up", wrongAnswer},
		{"same answer on the same ceremony is refused", sameCeremony},
		{NewCeremony, newCeremony},
		{"ceremony expires", expired},
		{"ceremony of another person is refused", anothersCeremony},
		{"answer of another person is refused", anothersAnswer},
		{"ceremony counts for its purpose only", otherPurpose},
		{"ceremony counts for its method only", otherMethod},
		{"ceremony counts in its session only", otherSession},
		{"disabled person is refused", disabled},
		{EnrolmentPurpose, enrolmentPurpose},
		{EnrolmentSession, enrolmentSession},
		{EnrolmentActor, anothersEnrolment},
		{EnrolmentOnce, enrolmentOnce},
		{EnrolmentForbidden, enrolmentForbidden},
		{"policy may forbid it", forbidden},
		{"person without it is refused", notSetUp},
		{"one ceremony signs in once of many at once", raceOneCeremony},
		{"one ceremony never signs in twice", raceManyOnOneCeremony},
		{RaceOneAnswer, raceOneAnswer},
	}
	left := maps.Clone(subject.Skip)
	for _, c := range cases {
		delete(left, c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if reason, ok := subject.Skip[c.name]; ok {
				t.Skip(reason)
			}
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				c.run(t, newBench(t, subject, s, clock))
			})
		})
	}
	for name := range left {
		t.Errorf("there is no case %q to skip", name)
	}
}

// The cases that do not apply to every method, for Subject.Skip.
const (
	WrittenOtherwise   = "right answer written otherwise signs in"
	NewCeremony        = "same answer on a new ceremony is refused"
	EnrolmentPurpose   = "enrolment ceremony counts for its purpose only"
	EnrolmentSession   = "enrolment ceremony counts in its session only"
	EnrolmentActor     = "enrolment of another actor is refused"
	EnrolmentOnce      = "enrolment is used once"
	EnrolmentForbidden = "policy may forbid setting it up"
	RaceOneAnswer      = "one answer signs in once of many ceremonies at once"
)
