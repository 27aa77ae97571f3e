package ui

import "strings"

// What a change would do, before it is made: the same block on every page that asks, with who they are behind every count.

// Hidden is a value that a form carries along.
type Hidden struct{ Name, Value string }

// RuleEffect is whom a change concerns in an organisation. Each count is of people.
type RuleEffect struct {
	Where Where
	// Refused would have a key refused, Stranded of them no key left, ShutOut no way to sign in. Freed would have a key taken again.
	Refused, Stranded, ShutOut, Freed int
}

// EffectBlock is whom a change would concern.
type EffectBlock struct {
	// People have a key there; Total counts those whom the change concerns.
	People        int
	Total         RuleEffect
	Organisations []RuleEffect
	// More is how many organisations are not listed.
	More int
	// OwnKeys are the reader's own keys that would be refused; OwnLeft says that they would have another.
	OwnKeys []string
	OwnLeft bool
	// NoOperator says that no operator could act any more, so that it is refused.
	NoOperator bool
	// Ask goes with the form that lists who they are.
	Ask []Hidden
}

// OwnNames are the reader's own keys in one line.
func (b EffectBlock) OwnNames() string { return strings.Join(b.OwnKeys, ", ") }

// Groups are those that somebody is in, for the list of who they are.
func (b EffectBlock) Groups() []PeopleGroup {
	var groups []PeopleGroup
	for _, g := range []PeopleGroup{{"refused", b.Total.Refused}, {"stranded", b.Total.Stranded}, {"shut_out", b.Total.ShutOut}, {"freed", b.Total.Freed}} {
		if g.Count > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// PeopleGroup is a group of people with how many they are. Its texts are ops.people.<Kind>.
type PeopleGroup struct {
	Kind  string
	Count int
}

// RulesCheckPage is what a change of rules would do, before it is made. Its form posts to /ops/rules/save.
type RulesCheckPage struct {
	// Form has errors for "own".
	Form
	Where   Where
	Changes []RuleChange
	Effect  EffectBlock
	// Rules and Version go with the form; Back is where to change one's mind.
	Rules, Version, Back string
	// Changed warns that somebody has changed the rules meanwhile.
	Changed bool
}

func (RulesCheckPage) layout() (string, bool) { return "ops/rules-check", true }

// PersonRow is somebody whom a change concerns, or who has a key of a model.
type PersonRow struct {
	Name, Username string
	Where          Where
	// Keys are the nicknames of the keys that it is about.
	Keys []string
	// Left is "key", "no-key" or "nothing": what the person would have left. "" when that is not the question.
	Left string
}

// PeoplePage lists people, a page after the other. Its forms ask by Method at Action, with Ask, "after" and, for the file, "file".
type PeoplePage struct {
	// Heading is one of ops.people.<group>.
	Heading        Text
	Rows           []PersonRow
	Method, Action string
	Ask            []Hidden
	// After is where the next page begins, "" when there is none; First says that this is the first.
	After string
	First bool
	Back  string
}

func (PeoplePage) layout() (string, bool) { return "ops/people", true }

// Cause is something that metadata newly says, and that would refuse keys.
type Cause struct {
	Model ModelLine
	// Finding is its kind in small letters: ops.finding.<Finding>, with the name that the FIDO Alliance gives it.
	Finding  string
	Standard string
	People   int
	// Held says that it waits for a decision, unless all is wanted at once.
	Held bool
}

// MetadataCheckPage is what metadata that was sent would do, before it is used. Its form posts number, choice and own to /ops/metadata/use.
type MetadataCheckPage struct {
	// Form has errors for "own".
	Form
	Number, Models int
	Source         string
	Causes         []Cause
	// Held is what happens when what concerns many waits; Now when everything counts at once.
	Held, Now EffectBlock
	// Choice is "hold" or "refuse".
	Choice string
}

func (MetadataCheckPage) layout() (string, bool) { return "ops/metadata-check", true }

// Waits reports whether something would wait.
func (p MetadataCheckPage) Waits() bool {
	for _, c := range p.Causes {
		if c.Held {
			return true
		}
	}
	return false
}

// HoldLine is something that metadata says and that waits for a decision.
type HoldLine struct {
	Cause
	// Href is the page to decide on.
	Href string
	// Number is the issue that said it.
	Number int
	// State is "open", "recalled" or "taken".
	State string
}

// HoldPage is /ops/hold: one thing to decide. Its form posts decision and own, with Ask, to its own path.
type HoldPage struct {
	// Form has errors for "decision" and "own".
	Form
	HoldLine
	Effect EffectBlock
	Ask    []Hidden
	// TakenBy has decided that the keys go on being taken, "" for the console; only when State is "taken".
	TakenBy string
	// Recall is where a recall of the model is begun.
	Recall   string
	Decision string
}

func (HoldPage) layout() (string, bool) { return "ops/hold", true }

// OrganisationsPage is /ops/organisations: choosing the organisation that a page is about. Its form asks q and to.
type OrganisationsPage struct {
	Query string
	// To is the page to go to.
	To    string
	Found []OrganisationRow
	// More is how many are not listed.
	More int
}

// OrganisationRow is an organisation to choose, with the address of the page about it.
type OrganisationRow struct {
	Where
	Href string
}

func (OrganisationsPage) layout() (string, bool) { return "ops/organisations", true }

// ReviewRefusePage asks before a key that waits is refused. It posts person, key and reason to its own path.
type ReviewRefusePage struct {
	// Form has errors for "reason".
	Form
	Row    ReviewRow
	Reason string
}

func (ReviewRefusePage) layout() (string, bool) { return "ops/review-refuse", false }
