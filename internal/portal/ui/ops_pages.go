package ui

import (
	"net/url"
	"strings"
	"time"
)

// The operators' pages (/ops): which models of keys there are and what holds for them, what is known of them, and recalls.

// OpsTask is one thing that an operator should do. Texts are ops.task.<Kind>.
type OpsTask struct {
	// Kind is "no-metadata", "overdue", "problem" (metadata could not be fetched), "held" (what metadata says waits for a decision), "finding"
	// (models in use with a finding), "recall" (people who still have a recalled key), "review" (keys that wait) or "messages" (messages
	// that have waited long to go out).
	Kind string
	// Count is how many; 0 when the text has no number.
	Count int
	// Name is the model of a recall, Day its date.
	Name string
	Day  time.Time
	Href string
}

// OpsPage is /ops.
type OpsPage struct {
	Tasks []OpsTask
	// Models are those in use, Running the recalls under way.
	Models, Running int
	Metadata        MetadataFacts
}

func (OpsPage) layout() (string, bool) { return "ops/home", true }

// Where is the organisation whose rules a page shows.
type Where struct{ Code, Name string }

// In is the address of another page about the same organisation.
func (w Where) In(path string) string {
	return path + "?" + url.Values{"organisation": {w.Code}}.Encode()
}

// ModelLine is one model in a list.
type ModelLine struct {
	AAGUID string
	// Name is "" when nobody told.
	Name string
	// Picture is the path of its picture, or "".
	Picture string
	// Level is its certification, "none" when it has none.
	Level string
	// Known says that the metadata has it.
	Known  bool
	People int
	// Findings are the kinds of what was found against it, in small letters.
	Findings []string
	// Rule is allow, review, deny, or "" when no rule names it.
	Rule string
}

// ModelFilter is one way to narrow the list. Its text is ops.models.show.<Kind>.
type ModelFilter struct {
	Kind    string
	Count   int
	Href    string
	Current bool
}

// ModelsPage is /ops/models.
type ModelsPage struct {
	Where   Where
	Query   string
	Show    string
	Filters []ModelFilter
	Models  []ModelLine
	// Found is how many there are on all pages; Earlier and Later are the paths of the neighbouring ones, or "".
	Found          int
	Earlier, Later string
	// NoMetadata says that nothing is known of models but names.
	NoMetadata bool
}

func (ModelsPage) layout() (string, bool) { return "ops/models", true }

// ModelFinding is a status report against a model.
type ModelFinding struct {
	// Kind is its name in small letters: ops.finding.<Kind>.
	Kind string
	// Since is the day, zero when not told; Firmware "" when not told, or not in a form that people write; URL where the FIDO Alliance tells more, or "".
	Since         time.Time
	Firmware, URL string
	// Rule is what happens: refuse, flag, ignore, or "" for a report that only tells.
	Rule string
	// Standard is its name with the FIDO Alliance. Hold is where to decide, when it waits for a decision, or "".
	Standard, Hold string
}

// ModelPage is /ops/models/{aaguid}. Its form posts to its own path.
type ModelPage struct {
	// Form has errors for "rule" and "firmware".
	Form
	Where    Where
	Model    ModelLine
	Verifies bool
	// Attestation says that its keys can prove where they come from.
	Attestation bool
	Findings    []ModelFinding
	// Rule and Firmware are what the form shows: the organisation's own.
	Rule, Firmware string
	// Holds and HoldsFirmware are what holds in the organisation, with what is decided above; Others what holds for models that are not named.
	Holds, HoldsFirmware, Others string
	// Version is that of the rules.
	Version string
	// Recalls are those of the model that run or have ended.
	Recalls []RecallLine
}

func (ModelPage) layout() (string, bool) { return "ops/model", true }

// Rules are the choices of the form.
func (ModelPage) Rules() []string { return []string{"", "allow", "review", "deny"} }

// RuleField is one rule for keys with its choices.
type RuleField struct {
	// Name is the name of the field; its label is ops.rules.<Name>, its choices ops.rules.<Name>.<choice>. With a Finding the label is
	// ops.finding.<Finding> and the choices ops.rules.finding.<choice>.
	Name    string
	Finding string
	// Standard is its name in the standard, or "".
	Standard string
	Choices  []string
	// Value is the organisation's own choice, "" for none; Above what holds without one, which nobody has decided where there is only the
	// Root.
	Value, Above string
	Root         bool
}

// ChoiceText is what a choice says.
func (f RuleField) ChoiceText(choice string) Text {
	switch {
	case f.Finding != "":
		return Text{ID: "ops.rules.finding." + choice}
	case f.Name == "level" && choice != "none":
		return Text{ID: "ops.rules.level.value", Args: map[string]any{"Level": choice}}
	}
	return Text{ID: "ops.rules." + f.Name + "." + choice}
}

// AboveText says what holds without a choice.
func (f RuleField) AboveText() Text {
	id := "ops.rules.above"
	if f.Root {
		id = "ops.rules.default"
	}
	return Text{ID: id, Args: map[string]any{"Value": f.ChoiceText(f.Above)}}
}

// NamedModel is a model that rules name.
type NamedModel struct {
	AAGUID, Name, Rule, Firmware string
	// Own says that the organisation itself has decided so.
	Own bool
}

// KeyRulesPage is /ops/rules. Its form posts to its own path.
type KeyRulesPage struct {
	// Form has errors for fields by their names, and for "min_pin".
	Form
	Where    Where
	Fields   []RuleField
	Findings []RuleField
	// MinPIN is what was typed; MinPINAbove what holds without.
	MinPIN      string
	MinPINAbove int
	Named       []NamedModel
	Version     string
}

func (KeyRulesPage) layout() (string, bool) { return "ops/rules", true }

// RuleChange is one thing that a change changes in what holds.
type RuleChange struct {
	What Text
	// Model is the name of a model that it is about, or "".
	Model         string
	Before, After Text
}

// MetadataFacts is which FIDO metadata there is.
type MetadataFacts struct {
	// Number is 0 when there is none.
	Number, Models, Skipped int
	NextUpdate, ImportedAt  time.Time
	Source                  string
	Overdue                 bool
	// CheckedAt is when it was last fetched by itself, zero when it never is; Problem what went wrong then, in English.
	CheckedAt time.Time
	Problem   string
}

// MetadataPage is /ops/metadata. Its form posts the file to its own path.
type MetadataPage struct {
	// Form has errors for "file".
	Form
	MetadataFacts
	// MaxMB is the largest file.
	MaxMB int
	// Holds is what waits for a decision, or was decided to be passed over.
	Holds []HoldLine
}

func (MetadataPage) layout() (string, bool) { return "ops/metadata", true }

// AnchorLine is a trust anchor of the installation's own.
type AnchorLine struct {
	ID, AAGUID, Model, Subject, Fingerprint, Source string
	Until, AddedAt                                  time.Time
}

// AnchorsPage is /ops/anchors: first the model is asked for, then a file, which is posted to the same path.
type AnchorsPage struct {
	// Form has errors for "model" and "file".
	Form
	Anchors []AnchorLine
	// Typed is what was typed of a model; AAGUID and Model are the one that certificates are added for, "" before it is chosen.
	Typed, AAGUID, Model string
	// MaxKB is the largest file.
	MaxKB int
}

func (AnchorsPage) layout() (string, bool) { return "ops/anchors", true }

// AnchorsCheckPage says what would come of trust anchors. Its form posts them to /ops/anchors/add.
type AnchorsCheckPage struct {
	AAGUID, Model, Source, Certificates string
	Anchors                             []AnchorLine
	// Keys of the model are on lists, Proven of them are proven; Would would be too, of People.
	Keys, Proven, Would, People int
}

func (AnchorsCheckPage) layout() (string, bool) { return "ops/anchors-check", true }

// RecallLine is a recall in a list.
type RecallLine struct {
	ID, Model, AAGUID string
	// From and Below bound its firmware, or are "".
	From, Below string
	Until       time.Time
	// State is running, over or undone.
	State  string
	Reason string
}

// RecallsPage is /ops/recalls.
type RecallsPage struct{ Recalls []RecallLine }

func (RecallsPage) layout() (string, bool) { return "ops/recalls", true }

// RecallForm is what is typed about a recall.
type RecallForm struct {
	AAGUID, FirmwareFrom, FirmwareBelow, Organisation, Until, Reason string
}

// RecallNewPage is /ops/recall. Its form posts to its own path.
type RecallNewPage struct {
	// Form has errors for "aaguid", "firmware", "organisation", "until" and "reason".
	Form
	RecallForm
	// Model is the one that was chosen; without an AAGUID none is, and Models are those to choose from.
	Model  ModelLine
	Models []ModelLine
	// Where is the organisation, and Elsewhere where to choose another.
	Where     Where
	Elsewhere string
}

func (RecallNewPage) layout() (string, bool) { return "ops/recall-new", true }

// RecallCount is how far a recall has come in an organisation.
type RecallCount struct {
	Where          Where
	Affected, Left int
}

// Replaced are those who have replaced their key.
func (c RecallCount) Replaced() int { return c.Affected - c.Left }

// RecallCheckPage is whom a recall would concern, before it starts. Its form posts to /ops/recalls.
type RecallCheckPage struct {
	RecallLine
	// Typed goes along with the form.
	Typed         RecallForm
	Where         Where
	Total         RecallCount
	Organisations []RecallCount
	More          int
	// OwnKeys are the reader's own keys that it would concern.
	OwnKeys []string
	// NoOperator says that every operator who can act now would need another key by the date.
	NoOperator bool
}

// OwnNames are the reader's own keys in one line.
func (p RecallCheckPage) OwnNames() string { return strings.Join(p.OwnKeys, ", ") }

func (RecallCheckPage) layout() (string, bool) { return "ops/recall-check", true }

// RecallPage is /ops/recalls/{id}.
type RecallPage struct {
	RecallLine
	Where     Where
	StartedAt time.Time
	// StartedBy is "" for the console.
	StartedBy      string
	UndoneAt       time.Time
	Total          RecallCount
	Organisations  []RecallCount
	Earlier, Later string
}

func (RecallPage) layout() (string, bool) { return "ops/recall", true }

// Percent is how much is done, in whole percents: 100 only when all is.
func (p RecallPage) Percent() int {
	if p.Total.Affected == 0 {
		return 100
	}
	return p.Total.Replaced() * 100 / p.Total.Affected
}

// RecallUndoPage is /ops/recalls/{id}/undo. It posts to its own path.
type RecallUndoPage struct {
	RecallLine
	Total RecallCount
}

func (RecallUndoPage) layout() (string, bool) { return "ops/recall-undo", false }

// ReviewRow is a new key that waits for a review.
type ReviewRow struct {
	Key, Person    string
	Name, Nickname string
	Organisation   string
	Model          ModelLine
	// Serial is that in the certificate of its attestation, or "".
	Serial string
	// Proven says that it has proved its model.
	Proven     bool
	Registered time.Time
}

// ReviewsPage is /ops/reviews. Its buttons post key and person to its own path.
type ReviewsPage struct {
	Rows []ReviewRow
	// More says that there are further ones.
	More bool
}

func (ReviewsPage) layout() (string, bool) { return "ops/reviews", true }
