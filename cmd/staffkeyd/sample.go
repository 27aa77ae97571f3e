package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"strings"
	"unicode"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"
)

// samplePeople is how many people the sample federation has.
const samplePeople = 2000

// sampleOrganisation is an organisation of the sample, with its share of the people and how many Local Administrators it
// has.
type sampleOrganisation struct {
	code, parent, name, domain, phone string
	share                             int // of 100 people
	administrators                    int
}

// sampleOrganisations are three levels of a federation. Names are invented, mail domains end in .example (RFC 2606 §2), and
// telephone numbers are of the ranges that Ofcom keeps for drama: 01632 960000 to 960999 and 07700 900000 to 900999.
var sampleOrganisations = []sampleOrganisation{
	{"NMF", "", "Northmoor Health Federation", "northmoor-federation.example", "01632 960000", 2, 1},
	{"NMH", "NMF", "Northmoor Hospitals", "northmoor-hospitals.example", "01632 960100", 20, 2},
	{"EFC", "NMF", "Eastfield Community Trust", "eastfield-community.example", "01632 960200", 12, 2},
	{"WMT", "NMF", "Westmere Mental Health Trust", "westmere.example", "01632 960300", 12, 2},
	{"NMA", "NMF", "Northmoor Ambulance Service", "northmoor-ambulance.example", "01632 960400", 9, 1},
	{"NPC", "NMF", "Northmoor Primary Care", "northmoor-primarycare.example", "01632 960500", 3, 1},
	{"RNI", "NMH", "Royal Northmoor Infirmary", "northmoor-infirmary.example", "01632 960110", 22, 2},
	{"SGH", "NMH", "Saltmarsh General Hospital", "saltmarsh-general.example", "01632 960120", 11, 1},
	{"ECN", "EFC", "Eastfield Community Nursing", "eastfield-nursing.example", "01632 960210", 5, 1},
	{"HSP", "NPC", "Harbour Street Practice", "harbourstreet.example", "01632 960510", 1, 1},
	{"MBS", "NPC", "Millbrook Surgery", "millbrook-surgery.example", "01632 960520", 2, 1},
	{"PLP", "NPC", "Priory Lane Practice", "priorylane.example", "01632 960530", 1, 1},
}

// federation is a made-up federation: enough to try every page and command on.
type federation struct {
	organisations []sampleOrganisation
	people        []samplePerson
	roles         []sampleRole
}

type samplePerson struct {
	username, name, email, employeeNumber, phone string
	organisation                                 string // code
}

type sampleRole struct {
	username     string
	role         staffkey.Role
	organisation string // code
}

// namedPeople are the people whom guides speak of. Their order, names and organisations stay.
var namedPeople = []struct {
	name, organisation string
	role               staffkey.Role
}{
	{"Margaret Ellison", "NMF", staffkey.RoleOperator},
	{"Gareth Prŷs", "NMH", staffkey.RoleLocalAdministrator},
	{"Farida Siddiqui", "EFC", staffkey.RoleLocalAdministrator},
	{"Tomasz Wiśniewski", "NMF", staffkey.RoleHelpdesk},
	{"Helen O'Brien", "NMF", staffkey.RoleAuditor},
	{"Amara Okafor", "NMH", ""},
	{"Siân Llŵyd", "RNI", ""},
	{"Rajesh Patel", "HSP", ""},
}

// sampleAccounts lists the usernames that the demo gives passwords to and prints: staff first, beginning with
// amara.okafor, then two Local Administrators, the helpdesk, the auditor and the operator.
func sampleAccounts() []string {
	return []string{
		"amara.okafor", "sian.llwyd", "rajesh.patel", "gareth.prys", "farida.siddiqui", "tomasz.wisniewski", "helen.obrien", "margaret.ellison",
	}
}

// sampleFederation makes the federation of a seed; the same seed makes the same one, to the letter.
func sampleFederation(seed uint64) federation {
	f := federation{organisations: sampleOrganisations}
	choice := choices{seed: seed}
	taken := map[string]int{}
	administrators := map[string]int{}
	add := func(name string, o sampleOrganisation, role staffkey.Role) {
		n := len(f.people)
		username := usernameOf(name)
		taken[username]++
		if again := taken[username]; again > 1 {
			username = fmt.Sprintf("%s%d", username, again)
		}
		p := samplePerson{
			username: username, name: name, email: username + "@" + o.domain, employeeNumber: fmt.Sprintf("NM%06d", 204817+n*7), organisation: o.code,
		}
		if role == staffkey.RoleLocalAdministrator {
			p.phone = fmt.Sprintf("%s%d", o.phone[:len(o.phone)-1], administrators[o.code]+1)
			administrators[o.code]++
		} else if choice.below(4) == 0 {
			p.phone = fmt.Sprintf("07700 900%03d", choice.below(1000))
		}
		f.people = append(f.people, p)
		if role != "" {
			f.roles = append(f.roles, sampleRole{username, role, o.code})
		}
	}
	byCode := map[string]sampleOrganisation{}
	for _, o := range sampleOrganisations {
		byCode[o.code] = o
	}
	for _, p := range namedPeople {
		add(p.name, byCode[p.organisation], p.role)
	}
	for _, o := range sampleOrganisations {
		for administrators[o.code] < o.administrators {
			add(choice.name(), o, staffkey.RoleLocalAdministrator)
		}
	}
	for len(f.people) < samplePeople {
		add(choice.name(), choice.organisation(), "")
	}
	return f
}

// choices are made from a seed by hashing: the same on every machine and in every release of Go. Nothing secret comes of
// them.
type choices struct{ seed, count uint64 }

// below returns a number from 0 to n-1.
func (c *choices) below(n int) int {
	var text [16]byte
	binary.BigEndian.PutUint64(text[:8], c.seed)
	binary.BigEndian.PutUint64(text[8:], c.count)
	c.count++
	sum := sha256.Sum256(text[:])
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
}

func (c *choices) name() string {
	at := c.below(100)
	for _, g := range nameGroups {
		if at -= g.share; at >= 0 {
			continue
		}
		given := g.given[c.below(len(g.given))]
		if g.family == nil {
			return given
		}
		return given + " " + g.family[c.below(len(g.family))]
	}
	return c.name() // the shares make 100, so this is never reached
}

func (c *choices) organisation() sampleOrganisation {
	at := c.below(100)
	for _, o := range sampleOrganisations {
		if at -= o.share; at < 0 {
			return o
		}
	}
	return sampleOrganisations[0]
}

// plainLetters are the ones that do not become ASCII by dropping their accents.
var plainLetters = strings.NewReplacer("ł", "l", "ø", "o", "ı", "i", "đ", "d", "æ", "ae", "ß", "ss")

// usernameOf makes given.family from a name, in the letters of every keyboard: "Siân ap Gruffudd" is sian.apgruffudd.
func usernameOf(name string) string {
	given, family, two := strings.Cut(name, " ")
	if !two {
		return plainName(given)
	}
	return plainName(given) + "." + plainName(family)
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || r == '-') {
			return r
		}
		return -1
	}, plainLetters.Replace(store.FoldForSearch(s)))
}

// loadSample fills an installation without organisations with the sample federation, by the same imports and grants that an
// operator uses. Where there is any organisation it does nothing, so that nobody's people are mixed with invented ones.
func loadSample(ctx context.Context, d *directory.Directory) error {
	if has, err := d.HasOrganisation(ctx); has || err != nil {
		return err
	}
	f := sampleFederation(1)
	actor := staffkey.ConsoleActor()
	report, err := d.ImportOrganisations(ctx, actor, bytes.NewReader(f.organisationsCSV()), nil)
	if err != nil || report.Refused > 0 {
		return fmt.Errorf("load the sample organisations: %w", firstProblem(report, err))
	}
	report, err = d.ImportPeople(ctx, actor, bytes.NewReader(f.peopleCSV()), nil)
	if err != nil || report.Refused > 0 {
		return fmt.Errorf("load the sample people: %w", firstProblem(report, err))
	}
	// Everything is allowed, so that a newcomer can try it all. Passes are for administrators to give, and need no leave.
	methods := []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode}
	core := []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP}
	if err := d.ChangePolicy(ctx, actor, staffkey.OrganisationID(f.organisations[0].code), "", staffkey.PolicySettings{Methods: &methods, CoreMethods: &core}, directory.Consent{}); err != nil {
		return fmt.Errorf("load the sample policy: %w", err)
	}
	for _, r := range f.roles {
		p, err := d.FindPerson(ctx, actor, r.username)
		if err != nil {
			return fmt.Errorf("load the sample roles: %w", err)
		}
		if err := d.GrantRole(ctx, actor, p.ID, r.role, staffkey.OrganisationID(r.organisation)); err != nil {
			return fmt.Errorf("load the sample roles: %w", err)
		}
	}
	return nil
}

func firstProblem(report directory.Report, err error) error {
	if err == nil {
		err = fmt.Errorf("%s", problemLine(report.Problems[0]))
	}
	return err
}

func (f federation) organisationsCSV() []byte {
	records := [][]string{{"code", "name", "parent", "phone"}}
	for _, o := range f.organisations {
		records = append(records, []string{o.code, o.name, o.parent, o.phone})
	}
	return csvText(records)
}

func (f federation) peopleCSV() []byte {
	records := [][]string{{"username", "name", "organisation", "email", "employee_number", "phone"}}
	for _, p := range f.people {
		records = append(records, []string{p.username, p.name, p.organisation, p.email, p.employeeNumber, p.phone})
	}
	return csvText(records)
}

func csvText(records [][]string) []byte {
	var b bytes.Buffer
	// A buffer takes everything, so there is no error to look at.
	_ = csv.NewWriter(&b).WriteAll(records)
	return b.Bytes()
}
