// Package signin proves who people are: ceremonies, enrolment, step-up, sessions and one-time links. It defines [Method],
// which each way of signing in implements in a folder of its own.
//
// A sign-in is: a first proof (password) kept sealed in the browser as an [Attempt], or none (passwordless); a ceremony
// begun for a purpose and sealed into the page; an answer, verified by its method; then one durable change that spends
// the ceremony, moves the key's counter, opens the session and records the event. Nothing is written at begin. A
// ceremony is spent by its answer, good or bad, and never counts twice.
package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Deps are what a Service works with.
type Deps struct {
	Store   *store.Store
	Methods []Method
	// Address is the configured public address, for one-time links; never taken from a request.
	Address string
	Now     func() time.Time
	// Observe is told of each finished sign-in step, for metrics; may be nil.
	Observe func(method staffkey.MethodKind, outcome string)
	// Wake is called when something was put into the outbox that somebody waits for; may be nil.
	Wake func()
	// HasChannel reports whether messages of a kind can be sent; nil is all.
	HasChannel func(staffkey.ChannelKind) bool
	// Networks bound guessing over many names; zero values take the defaults.
	Networks Networks
	// Models knows the models of security keys; nil knows none.
	Models Models
}

// Service runs the sign-in operations.
type Service struct {
	store    *store.Store
	methods  map[staffkey.MethodKind]Method
	order    []staffkey.MethodKind
	address  string
	now      func() time.Time
	observe  func(staffkey.MethodKind, string)
	woken    chan struct{} // something waits for [Service.Run]
	wakeOut  func()
	channel  func(staffkey.ChannelKind) bool
	networks Networks
	models   Models
	// anonymous bounds what visitors can have recorded.
	anonymous *sharedBudget
	// devices bounds what visitors can have kept of their devices.
	devices *deviceBudget
}

// New returns a Service over the methods that this installation has.
func New(d Deps) *Service {
	s := &Service{
		store: d.Store, methods: make(map[staffkey.MethodKind]Method, len(d.Methods)), address: d.Address,
		now: d.Now, observe: d.Observe, wakeOut: d.Wake, woken: make(chan struct{}, 1), channel: d.HasChannel, networks: d.Networks.orDefaults(), models: d.Models,
	}
	s.anonymous, s.devices = newSharedBudget(d.Store, "anonymous", anonymousBlock, anonymousBlocks), newDeviceBudget(d.Store)
	if s.models == nil {
		s.models = noModels{}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.observe == nil {
		s.observe = func(staffkey.MethodKind, string) {}
	}
	if s.wakeOut == nil {
		s.wakeOut = func() {}
	}
	if s.channel == nil {
		s.channel = func(staffkey.ChannelKind) bool { return true }
	}
	for _, m := range d.Methods {
		s.methods[m.Kind()] = m
		s.order = append(s.order, m.Kind())
	}
	return s
}

// wake says that messages wait, and maybe wishes for passwords.
func (s *Service) wake() {
	s.wakeOut()
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// lookAfter is how often each node looks for what another has left undone.
const lookAfter = 2 * time.Second

// Run answers wishes for new passwords until ctx ends. A failure is told to fail and tried again: nothing is lost by it.
func (s *Service) Run(ctx context.Context, fail func(error)) {
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	for {
		for {
			n, err := s.WorkResets(ctx)
			if err != nil && ctx.Err() == nil {
				fail(err)
			}
			if n < resetBatch {
				break
			}
		}
		select {
		case <-tick.C:
		case <-s.woken:
		case <-ctx.Done():
			return
		}
	}
}

// Kinds lists the methods that this installation has, in the order of preference.
func (s *Service) Kinds() []staffkey.MethodKind { return s.order }

// Usable reports whether an enrolment can still prove anything.
func (s *Service) Usable(e staffkey.Enrolment) bool {
	m, ok := s.methods[e.Method]
	return ok && e.DisabledAt.IsZero() && m.Remaining(e.State) != 0
}

// Remaining tells how many uses an enrolment is good for.
func (s *Service) Remaining(e staffkey.Enrolment) int {
	m, ok := s.methods[e.Method]
	if !ok {
		return 0
	}
	return m.Remaining(e.State)
}

func (s *Service) method(kind staffkey.MethodKind) (Method, error) {
	m, ok := s.methods[kind]
	if !ok {
		return nil, fmt.Errorf("sign-in method %q: %w", kind, staffkey.ErrNotFound)
	}
	return m, nil
}

// holder is a person with what decides about their sign-in.
type holder struct {
	person     staffkey.Person
	policy     staffkey.Policy
	holdings   policy.Holdings
	enrolments []staffkey.Enrolment
	grants     []staffkey.RoleGrant
	exceptions []staffkey.Exception
}

// entering is what decides about a sign-in of theirs.
func (h holder) entering() policy.Entering {
	return policy.Entering{Policy: h.policy, Holdings: h.holdings, Privileged: len(h.grants) > 0, Excepted: len(h.exceptions) > 0}
}

func (h holder) enrolment(kind staffkey.MethodKind) *staffkey.Enrolment {
	for i := range h.enrolments {
		if h.enrolments[i].Method == kind {
			return &h.enrolments[i]
		}
	}
	return nil
}

func (h holder) subject(kind staffkey.MethodKind) Subject {
	return Subject{Person: h.person, Policy: h.policy, Keys: h.holdings.Keys, Enrolment: h.enrolment(kind)}
}

// loadHolder reads a person with policy, keys and methods.
func (s *Service) loadHolder(tx *store.Tx, id staffkey.PersonID) (holder, error) {
	var h holder
	var err error
	if h.person, err = tx.FindPerson(id); err != nil {
		return h, err
	}
	return h, s.fillHolder(tx, &h)
}

func (s *Service) fillHolder(tx *store.Tx, h *holder) error {
	var err error
	if h.policy, err = effectivePolicy(tx, h.person.Organisation); err != nil {
		return err
	}
	if h.enrolments, err = tx.ListEnrolments(h.person.ID); err != nil {
		return err
	}
	keys, err := tx.ListSecurityKeys(h.person.ID, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended)
	if err != nil {
		return err
	}
	if h.grants, err = tx.ListRoleGrants(h.person.ID); err != nil {
		return err
	}
	if h.exceptions, err = tx.ListExceptions(h.person.ID); err != nil {
		return err
	}
	h.holdings = policy.HoldingsOf(h.person, h.policy, keys, h.enrolments, s.Usable)
	h.holdings.Refused, err = s.RefusedKeys(tx, h.person, h.policy, keys)
	return err
}

func effectivePolicy(tx *store.Tx, id staffkey.OrganisationID) (staffkey.Policy, error) {
	chain, err := tx.ListPolicyChain(id)
	if err != nil {
		return staffkey.Policy{}, err
	}
	return policy.Effective(chain), nil
}

// lasting is the context of an operation that has seen an answer: who hangs up must not take back that it is counted,
// spent and recorded. It keeps a time limit of its own.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), answerTime)
}

// answerTime bounds the work on one answer, waiting for the pool of password hashes included.
const answerTime = 30 * time.Second

// refuse records a refusal, spends the ceremony if there was one, and returns the refusal. An error that is no refusal
// is returned as it is: a fault of ours is logged, not recorded as somebody's act.
func (s *Service) refuse(ctx context.Context, event staffkey.AuditEvent, c *staffkey.Ceremony, err error) error {
	var r *staffkey.Refusal
	if !errors.As(err, &r) {
		return err
	}
	r.SupportCode = staffkey.NewSupportCode()
	event.SupportCode = r.SupportCode
	ctx, cancel := lasting(ctx)
	defer cancel()
	if (event.Person == "" || errors.Is(err, staffkey.ErrThrottled)) && !s.anonymous.take(s.now()) {
		r.SupportCode = "" // which would open nothing
		// One row that is written over costs the same commit as an event: whether a name is known must not show in the time.
		spent := s.store.Housekeep(ctx, func(tx *store.Tx) error {
			if c != nil {
				if err := spend(tx, c); err != nil {
					return err
				}
			}
			_, err := tx.CountFailure("refused/unrecorded", tx.Now.Add(time.Minute))
			return err
		})
		if errors.Is(spent, staffkey.ErrExpired) {
			spent = nil
		}
		return errors.Join(err, spent)
	}
	told := err
	recorded := s.store.Note(ctx, event.RefusedBy(r), func(tx *store.Tx) error {
		told = err
		if c == nil {
			return nil
		}
		spent := spend(tx, c)
		var again *staffkey.Refusal
		if !errors.As(spent, &again) {
			if spent == nil && r.Rule == keyCopied {
				return s.suspectKey(tx)
			}
			return spent
		}
		// Spent already is as good: the answer is refused either way. A key's answer that comes once more, as when the
		// browser did not hear ours, has an old counter too, and must not look like a copied key.
		if c.Method == staffkey.MethodSecurityKey {
			again.SupportCode = r.SupportCode
			tx.Event, told = event.RefusedBy(again), again
		}
		return nil
	})
	return errors.Join(told, recorded)
}
