package directory_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// scene is one operation under way: an operator, and somebody whom it is about.
type scene struct {
	*alliance
	operator, victim staffkey.Person
	actor, own       staffkey.Actor // the operator's session, and the victim's
	n                int
}

// operations are the operations of this package, each so far that it can end. Those of own are what people do for themselves.
var operations = map[string]struct {
	own   bool
	begin func(t *testing.T, s *scene) func() error
}{
	"AddOrganisation": {begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return only(s.AddOrganisation(t.Context(), s.actor, staffkey.Organisation{Code: fmt.Sprintf("N%d", s.n), Name: "New", Parent: "A"}))
		}
	}},
	"ChangeOrganisation": {begin: func(t *testing.T, s *scene) func() error {
		o := s.organisations["A"]
		o.Name = fmt.Sprintf("A Trust %d", s.n)
		return func() error { return s.ChangeOrganisation(t.Context(), s.actor, o) }
	}},
	"ImportOrganisations": {begin: func(t *testing.T, s *scene) func() error {
		file := fmt.Sprintf("code,name,parent\nI%d,Imported,A\n", s.n)
		return func() error { return taken(s.ImportOrganisations(t.Context(), s.actor, strings.NewReader(file), nil)) }
	}},
	"AddPerson": {begin: func(t *testing.T, s *scene) func() error {
		p := staffkey.Person{Username: fmt.Sprintf("new%d", s.n), Name: "New", Organisation: "A"}
		return func() error { return only(s.AddPerson(t.Context(), s.actor, p)) }
	}},
	"ChangePerson": {begin: func(t *testing.T, s *scene) func() error {
		p := s.victim
		p.Phone = "01632 960002"
		return func() error { return s.ChangePerson(t.Context(), s.actor, p) }
	}},
	"ChangeSamePerson": {begin: func(t *testing.T, s *scene) func() error {
		p := s.victim
		p.EmployeeNumber = "N2"
		return func() error { return s.ChangeSamePerson(t.Context(), s.actor, p) }
	}},
	"ReplacePerson": {begin: func(t *testing.T, s *scene) func() error {
		p := staffkey.Person{ID: s.victim.ID, Username: s.victim.Username, Name: "Quite Another", Organisation: "A"}
		return func() error { return only(s.ReplacePerson(t.Context(), s.actor, p)) }
	}},
	"ImportPeopleConfirmed": {begin: func(t *testing.T, s *scene) func() error {
		file := fmt.Sprintf("username,name,organisation,employee_number\n%s,Quite Another,A,N9\n", s.victim.Username)
		said := directory.Confirmed{NewHolders: []string{s.victim.Username}}
		return func() error {
			return taken(s.ImportPeopleConfirmed(t.Context(), s.actor, strings.NewReader(file), said, nil))
		}
	}},
	"ImportPeople": {begin: func(t *testing.T, s *scene) func() error {
		file := fmt.Sprintf("username,name,organisation\nimported%d,Imported,A\n", s.n)
		return func() error { return taken(s.ImportPeople(t.Context(), s.actor, strings.NewReader(file), nil)) }
	}},
	"GrantRole": {begin: func(t *testing.T, s *scene) func() error {
		return func() error { return s.GrantRole(t.Context(), s.actor, s.victim.ID, staffkey.RoleHelpdesk, "A") }
	}},
	"RevokeRole": {begin: func(t *testing.T, s *scene) func() error {
		s.grant(t, s.victim, staffkey.RoleHelpdesk, "A")
		return func() error { return s.RevokeRole(t.Context(), s.actor, s.victim.ID, staffkey.RoleHelpdesk, "A") }
	}},
	"ChangePolicy": {begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return s.ChangePolicy(t.Context(), s.actor, "A", "", staffkey.PolicySettings{GraceDays: new(s.n % 300)}, directory.Consent{})
		}
	}},
	"ChangeKeyRules": {begin: func(t *testing.T, s *scene) func() error {
		_, version, _, err := s.KeyRules(t.Context(), s.actor, "B")
		if err != nil {
			t.Fatal(err)
		}
		rules := &staffkey.KeyRules{MinPIN: new(4 + s.n%4)}
		return func() error { return s.ChangeKeyRules(t.Context(), s.actor, "B", version, rules, directory.Consent{}) }
	}},
	"GrantException": {begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return only(s.GrantException(t.Context(), s.actor, s.victim.ID, "the key is on its way", time.Hour))
		}
	}},
	"EndExceptions": {begin: func(t *testing.T, s *scene) func() error {
		if _, err := s.GrantException(t.Context(), console, s.victim.ID, "the key is on its way", time.Hour); err != nil {
			t.Fatal(err)
		}
		return func() error { return only(s.EndExceptions(t.Context(), s.actor, s.victim.ID)) }
	}},
	"StartRecall": {begin: func(t *testing.T, s *scene) func() error {
		return func() error { return only(s.StartRecall(t.Context(), s.actor, s.recall("A"))) }
	}},
	"UndoRecall": {begin: func(t *testing.T, s *scene) func() error {
		r, err := s.StartRecall(t.Context(), console, s.recall("A"))
		if err != nil {
			t.Fatal(err)
		}
		return func() error { return s.UndoRecall(t.Context(), s.actor, r.ID) }
	}},
	"ImportMetadata": {begin: func(t *testing.T, s *scene) func() error {
		blob := s.blob(t, 100+s.n)
		return func() error {
			return only(s.ImportMetadata(t.Context(), s.actor, blob, "blob.jwt", directory.ImportChoice{}))
		}
	}},
	"OfferMetadata": {begin: func(t *testing.T, s *scene) func() error {
		blob := s.refusing(t)
		return func() error { return only(s.OfferMetadata(t.Context(), s.actor, blob, "blob.jwt")) }
	}},
	"ImportOffered": {begin: func(t *testing.T, s *scene) func() error {
		p, err := s.OfferMetadata(t.Context(), s.actor, s.refusing(t), "blob.jwt")
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			return only(s.ImportOffered(t.Context(), s.actor, p.Number, directory.ImportChoice{}))
		}
	}},
	"DecideHold": {begin: func(t *testing.T, s *scene) func() error {
		blob := s.refusing(t)
		s.keyOf(t, s.person(t, fmt.Sprintf("second%d", s.n), "A"), s.model(), "")
		if _, err := s.ImportMetadata(t.Context(), console, blob, "blob.jwt", directory.ImportChoice{}); err != nil {
			t.Fatal(err)
		}
		key := staffkey.HoldKey{Model: s.model(), Kind: staffkey.FindingRevoked}
		return func() error { return s.DecideHold(t.Context(), s.actor, key, directory.HoldTake, directory.Consent{}) }
	}},
	"AddAnchors": {begin: func(t *testing.T, s *scene) func() error {
		root, _ := mdstest.AttestationRoot(t, fmt.Sprint("Root ", s.n), time.Now())
		return func() error {
			return s.AddAnchors(t.Context(), s.actor, []*x509.Certificate{root}, testModel, "roots.pem")
		}
	}},
	"RemoveAnchor": {begin: func(t *testing.T, s *scene) func() error {
		root, _ := mdstest.AttestationRoot(t, fmt.Sprint("Root ", s.n), time.Now())
		if err := s.AddAnchors(t.Context(), console, []*x509.Certificate{root}, testModel, "roots.pem"); err != nil {
			t.Fatal(err)
		}
		list, err := s.ListAnchors(t.Context(), console)
		if err != nil {
			t.Fatal(err)
		}
		id := list[len(list)-1].ID
		return func() error { return s.RemoveAnchor(t.Context(), s.actor, id) }
	}},
	"MarkSetUpTask": {begin: func(t *testing.T, s *scene) func() error {
		return func() error { return s.MarkSetUpTask(t.Context(), s.actor, "address") }
	}},
	"NameSetUpOrganisation": {begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return s.NameSetUpOrganisation(t.Context(), s.actor, staffkey.Organisation{Code: "R", Name: fmt.Sprintf("Root %d", s.n)})
		}
	}},
	"ChooseSetUpMethods": {begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return s.ChooseSetUpMethods(t.Context(), s.actor, []staffkey.MethodKind{staffkey.MethodTOTP}, []staffkey.MethodKind{staffkey.MethodSecurityKey})
		}
	}},
	"FinishSetUp": {begin: func(t *testing.T, s *scene) func() error {
		return func() error { return s.FinishSetUp(t.Context(), s.actor) }
	}},

	"RenameKey": {own: true, begin: func(t *testing.T, s *scene) func() error {
		id := s.key(t, s.victim, "Lanyard")
		return func() error { return s.RenameKey(t.Context(), s.own, s.victim.ID, id, "Other") }
	}},
	"RemoveKey": {own: true, begin: func(t *testing.T, s *scene) func() error {
		id := s.key(t, s.victim, "Lanyard")
		s.key(t, s.victim, "Drawer")
		return func() error { return s.RemoveKey(t.Context(), s.own, s.victim.ID, id) }
	}},
	"RestoreKey": {own: true, begin: func(t *testing.T, s *scene) func() error {
		id := s.key(t, s.victim, "Lanyard")
		s.key(t, s.victim, "Drawer")
		if err := s.RemoveKey(t.Context(), s.own, s.victim.ID, id); err != nil {
			t.Fatal(err)
		}
		return func() error { return only(s.RestoreKey(t.Context(), s.own, s.victim.ID, id)) }
	}},
	"SetLanguage": {own: true, begin: func(t *testing.T, s *scene) func() error {
		return func() error { return s.SetLanguage(t.Context(), s.own, "cy") }
	}},
}

// unasked are the operations that nobody asks for, each with its reason.
var unasked = map[string]string{
	"FetchMetadata": "the schedule does it",
}

// model is one that only the people of this try have.
func (s *scene) model() string { return fmt.Sprintf("0a000000-0000-0000-0000-%012d", s.n) }

// refusing is metadata that would refuse the key of the victim.
func (s *scene) refusing(t *testing.T) []byte {
	t.Helper()
	s.keyOf(t, s.victim, s.model(), "")
	return s.blob(t, 1000+s.n, mdstest.Model{AAGUID: s.model(), Reports: []mdstest.Report{{Status: "REVOKED", Since: "2026-01-02"}}})
}

func only[T any](_ T, err error) error { return err }

// taken is the error of an import of one row: that the row was refused is one.
func taken(r directory.Report, err error) error {
	if err == nil && r.Refused == 1 {
		return staffkey.ErrRefused
	}
	return err
}

// meanwhile is what may happen between what an operation reads and what it changes.
var meanwhile = map[string]func(tx *store.Tx, s *scene, p staffkey.Person) error{
	"role revoked": func(tx *store.Tx, s *scene, p staffkey.Person) error {
		return tx.DeleteRoleGrant(p.ID, staffkey.RoleOperator, s.organisations["R"].ID)
	},
	"account frozen": func(tx *store.Tx, _ *scene, p staffkey.Person) error {
		return storetest.Move(tx, p.ID, staffkey.PersonFrozen)
	},
	"session ended":    func(tx *store.Tx, _ *scene, p staffkey.Person) error { return ended(tx.EndSessions(p.ID, "")) },
	"password changed": func(tx *store.Tx, _ *scene, p staffkey.Person) error { return ended(tx.EndSessions(p.ID, "")) }, // which is what it does to sessions
	"person disabled": func(tx *store.Tx, _ *scene, p staffkey.Person) error {
		return storetest.Move(tx, p.ID, staffkey.PersonDisabled)
	},
}

func ended(_ int64, err error) error { return err }

// What an operation may do is asked in its change: of all that may happen since the request began, nothing is acted on any more.
func TestNothing_is_done_on_what_was_true_before(t *testing.T) {
	t.Parallel()
	storetest.EachBetween(t, func(t *testing.T, st *store.Store, clock *storetest.Clock, between *storetest.Between) {
		w := newWorld(t, st, clock)
		a := &alliance{world: w, issuer: mdstest.New(t, clock.Now())}
		a.catalogue = a.node(t)
		w.grant(t, w.person(t, "keeper", "R"), staffkey.RoleOperator, "R") // the last operator cannot be disabled
		n := 0
		for name, op := range operations {
			for what, happen := range meanwhile {
				if op.own && what == "role revoked" { // it needs no role
					continue
				}
				n++
				t.Run(name+"/"+what, func(t *testing.T) {
					s := &scene{alliance: a, n: n, operator: w.person(t, fmt.Sprintf("olu%d", n), "R"), victim: w.person(t, fmt.Sprintf("amara%d", n), "A")}
					w.grant(t, s.operator, staffkey.RoleOperator, "R")
					setUpUnderWay(t, st)
					s.actor, s.own = w.actor(t, s.operator), w.actor(t, s.victim)
					acts := s.operator
					if op.own {
						acts = s.victim
					}
					end := op.begin(t, s)
					var last staffkey.AuditEventID
					between.Do(func() {
						err := st.Housekeep(t.Context(), func(tx *store.Tx) error { return happen(tx, s, acts) })
						if err != nil {
							t.Error(err)
						}
						last = lastEvent(t, st)
					})
					err := end()
					if !between.Done() {
						t.Fatalf("nothing was changed at all: got error %v", err)
					}
					if !errors.Is(err, staffkey.ErrRefused) && !errors.Is(err, staffkey.ErrExpired) {
						t.Errorf("got error %v, want a refusal", err)
					}
					err = st.Read(t.Context(), func(tx *store.Tx) error {
						events, err := tx.ListAuditEvents(store.AuditFilter{After: last, OldestFirst: true, Limit: 100})
						for _, e := range events {
							if e.Outcome == staffkey.OutcomeDone {
								t.Errorf("%s was done all the same", e.Kind)
							}
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
}

// setUpUnderWay puts the installation back into its first-run set-up.
func setUpUnderWay(t *testing.T, st *store.Store) {
	t.Helper()
	err := st.Housekeep(t.Context(), func(tx *store.Tx) error { return tx.PutInstallationValue(store.SetUpTasks, []byte("{}")) })
	if err != nil {
		t.Fatal(err)
	}
}

func lastEvent(t *testing.T, st *store.Store) (id staffkey.AuditEventID) {
	t.Helper()
	err := st.Read(t.Context(), func(tx *store.Tx) error {
		events, err := tx.ListAuditEvents(store.AuditFilter{Limit: 1})
		if len(events) > 0 {
			id = events[0].ID
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// An operation that changes something is tried, or nobody asks for it.
func TestOperations_are_complete(t *testing.T) {
	t.Parallel()
	changing := storetest.Operations(t, ".", "Directory")
	for _, op := range changing {
		if _, tried := operations[op]; !tried && unasked[op] == "" {
			t.Errorf("%s changes something: try it in acts_test.go, or say why nobody asks for it", op)
		}
	}
	for op := range operations {
		if !slices.Contains(changing, op) {
			t.Errorf("%s is tried, which changes nothing or is not there", op)
		}
	}
	for op := range unasked {
		if !slices.Contains(changing, op) {
			t.Errorf("%s needs no reason", op)
		}
	}
}
