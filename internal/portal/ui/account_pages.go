package ui

import (
	"reflect"
	"time"
)

// TokenCard is one token in the person's own list.
type TokenCard struct {
	ID       string
	Nickname string
	// Model is the product name from the authenticator's metadata, or "".
	Model string
	// Picture is the path of the model's picture, or "".
	Picture string
	// Connects says how the key connects: see [Connects].
	Connects   Text
	Registered time.Time
	// RegisteredBy is the name of who registered it; "" is the person.
	RegisteredBy string
	// LastUsed is zero when the token was never used.
	LastUsed time.Time
	// LastWhere is the device or place of the last use, or "".
	LastWhere string
	// SameKeyAs are nicknames of other tokens that are the same key.
	SameKeyAs []string
	// Current marks the token of this sign-in.
	Current bool
	// New marks a token registered just now.
	New bool
	// Suspended marks a token that does not work at present; StopReason (lost, stolen, misused, frozen or "") and StoppedAt say why.
	Suspended  bool
	StopReason string
	StoppedAt  time.Time
	// Findable offers to put it back in use when it is found.
	Findable bool
	// Refused marks a token that is not on hold and that no sign-in takes, because of its model.
	Refused bool
	// RecalledUntil is the last instant at which the key of a recalled model is taken; zero when it is not recalled.
	RecalledUntil time.Time
	// SuspectedAt is when it last answered as a copy would; zero when it never did.
	SuspectedAt time.Time
	// RecallOver says that this instant has passed.
	RecallOver bool
}

// HomePage is /me.
type HomePage struct {
	// Tokens may be empty: then the page says how to begin.
	Tokens []TokenCard
	// Limit is the most tokens a person may have.
	Limit int
	// ToDo is what the person should do next. May be empty.
	ToDo []ToDo
	// SignIns are the most recent ones.
	SignIns []ActivityItem
	// Signals tell the browser what has changed.
	Signals []Signal
}

func (HomePage) layout() (string, bool) { return "account/home", true }

// Full reports whether there is no room for another token.
func (p HomePage) Full() bool { return p.Limit > 0 && len(p.Tokens) >= p.Limit }

// ToDo is one thing to do. Texts are todo.<Kind>.title and todo.<Kind>.text.
type ToDo struct {
	// Kind is "backup", "no-key" (there are tokens, and none signs in), "recovery-codes", "methods" (the organisation asks for more),
	// "stopped" (a token is on hold), "reset" (a token whose key was reset waits to be registered again), "copied" (a key may have been copied) or "recalled" (a key must be
	// replaced).
	Kind string
	Href string
	// Day is until when a recalled key is taken, Over says that this has passed, and Reason is why it is recalled, or "".
	Day    time.Time
	Over   bool
	Reason string
}

// ProfilePage is /me/profile, tab Details.
type ProfilePage struct {
	Name, Email, Username string
	// EmployeeNumber, Role and Source (where these facts come from) may be "".
	EmployeeNumber, Role, Source string
	Organisation                 string
	Joined                       time.Time
}

func (ProfilePage) layout() (string, bool) { return "account/profile", true }

// SelfServicePage is /me/self-service, tab Self-Service.
type SelfServicePage struct {
	// Tokens and Sessions are counts, and Usable is how many of the tokens sign in.
	Tokens, Usable, Sessions int
	// CodesLeft is how many recovery codes are unused; CodesTotal is 0 when
	// there are none.
	CodesLeft, CodesTotal int
	// Methods is how many other methods are set up.
	Methods int
	// PersonalDevice says that the person has marked this browser as their own; Station that it is a shared one, which cannot be.
	PersonalDevice, Station bool
}

func (SelfServicePage) layout() (string, bool) { return "account/self-service", true }

// MethodRow is one other way to sign in.
type MethodRow struct {
	// Kind names the method by the message method.<Kind>.name.
	Kind string
	// State says how it stands, such as "8 of 10 left".
	State Text
	// LastUsed is zero when it was never used, or when it is not set up.
	LastUsed time.Time
	// Href and Action are the link to set it up or change it; Remove the link to remove it, or "".
	Href   string
	Action Text
	Remove string
	// Warn marks a state that asks for something to be done.
	Warn bool
}

// EditForm is the nickname form of one token, in the dialog of the list.
type EditForm struct {
	// ID is the token whose dialog is open.
	ID string
	// Nickname is what was typed.
	Nickname string
}

// TokensPage is /me/tokens: Manage FIDO2 Tokens.
type TokensPage struct {
	// Form has the errors of the open dialog, for "nickname".
	Form
	Tokens []TokenCard
	// Usable is how many of them sign in.
	Usable int
	// Limit is the most tokens a person may have.
	Limit   int
	Methods []MethodRow
	// Edit is the dialog that is open, or nil.
	Edit *EditForm
	// Removed offers to take back the latest removal, or is nil.
	Removed *UndoRemoval
	// Signals tell the browser what has changed.
	Signals []Signal
}

// UndoRemoval is a token that was removed a few minutes ago.
type UndoRemoval struct {
	Nickname string
	Undo     UndoButton
}

func (TokensPage) layout() (string, bool) { return "account/tokens", true }

// Stopped is how many tokens do not sign in at present.
func (p TokensPage) Stopped() int { return len(p.Tokens) - p.Usable }

// Full reports whether there is no room for another token.
func (p TokensPage) Full() bool { return p.Limit > 0 && len(p.Tokens) >= p.Limit }

// Dialog is the nickname form of the token as the page should show it.
func (p TokensPage) Dialog(id, nickname string) EditPage {
	e := EditPage{ID: id, Nickname: nickname, Value: nickname, FromList: true}
	if p.Edit != nil && p.Edit.ID == id {
		e.Form, e.Value, e.Open = p.Form, p.Edit.Nickname, true
	}
	return e
}

// RegisterPage is /me/tokens/register: get ready, then touch (step 1 and 2 of 4).
type RegisterPage struct {
	// Ceremony has Kind "create".
	Ceremony Ceremony
	// Again registers a key that is on the list already.
	Again bool
	// Back is the path of the Back link; "" is /me/tokens.
	Back string
	// Skip is a path to post to that goes on without registering (set-up), or "".
	Skip string
}

func (RegisterPage) layout() (string, bool) { return "account/register", false }

// ExistsPage is /me/tokens/register/exists: the key is registered already.
type ExistsPage struct {
	// Nicknames are the tokens that this key may be: one, or several when the
	// browser did not say which.
	Nicknames []string
}

func (ExistsPage) layout() (string, bool) { return "account/exists", false }

// NamePage is /me/tokens/{id}/name: step 3. It posts nickname to its own path.
type NamePage struct {
	// Form has errors for "nickname".
	Form
	ID string
	// Value is what the field holds: a good first guess, or what was typed.
	Value string
	// Suggestions fill the field when pressed.
	Suggestions []string
}

func (NamePage) layout() (string, bool) { return "account/name", false }

// FieldID is the id of the nickname field.
func (NamePage) FieldID() string { return "nickname" }

// TryPage is /me/tokens/{id}/try: step 4, with a ceremony of kind "get".
type TryPage struct {
	ID       string
	Nickname string
	// Credential is the credential id in base64url.
	Credential string
	Ceremony   Ceremony
}

func (TryPage) layout() (string, bool) { return "account/try", false }

// DonePage is /me/tokens/{id}/done: what has changed and what is wise next.
type DonePage struct {
	ID       string
	Nickname string
	// Keys is how many different keys sign the person in now.
	Keys int
	// SameKeyAs are nicknames of other tokens that are the same key: then this
	// one is not a backup.
	SameKeyAs []string
	// Tried says that the key has signed in once.
	Tried bool
	// RecoveryCodes says that there are unused recovery codes.
	RecoveryCodes bool
	// Next is the path of the last button; "" is /me/tokens.
	Next string
}

func (DonePage) layout() (string, bool) { return "account/done", false }

// EditPage is /me/tokens/{id}/edit without script. It posts nickname, and
// from=list when sent from the dialog of the list, to its own path.
type EditPage struct {
	// Form has errors for "nickname".
	Form
	ID string
	// Nickname is the present one, Value what the field holds.
	Nickname, Value string
	// FromList and Open are set by TokensPage for the dialog.
	FromList, Open bool
}

func (EditPage) layout() (string, bool) { return "account/edit", false }

// FieldID is the id of the nickname field: one list holds many of these forms.
func (p EditPage) FieldID() string {
	if p.FromList && !p.Open {
		return "nickname-" + p.ID
	}
	return "nickname"
}

// RemovePage is /me/tokens/{id}/remove. It posts to its own path.
type RemovePage struct {
	ID       string
	Nickname string
	// Blocked is the "key.last" variant: this is the last way to sign in.
	Blocked bool
	// Usable says that the token signs in now.
	Usable bool
	// Tokens are nicknames, Methods the kinds, of what works afterwards.
	Tokens, Methods []string
	// NoBackup warns that only one key is left.
	NoBackup bool
	// Current warns that this sign-in used the token.
	Current bool
	// SameKeyAs are nicknames of other tokens that are the same key, and that sign in.
	SameKeyAs []string
	// Undo says that it can be undone for a while.
	Undo bool
	// Advice is what the organisation says about removed keys, or "".
	Advice string
}

func (RemovePage) layout() (string, bool) { return "account/remove", false }

// LimitPage says that there is no room for another token ("key.limit").
type LimitPage struct {
	// Limit is the most tokens a person may have.
	Limit int
}

func (LimitPage) layout() (string, bool) { return "account/limit", false }

// SessionsPage is /me/sessions: where the person is signed in.
type SessionsPage struct {
	// Sessions has this one first.
	Sessions []SessionRow
}

func (SessionsPage) layout() (string, bool) { return "account/sessions", true }

// SessionRow is one session. End posts to /me/sessions/{id}/end.
type SessionRow struct {
	ID string
	// Device is the browser and system, Where the place or address.
	Device, Where string
	// Method says how it was signed in.
	Method           Text
	Started, LastUse time.Time
	// Current marks the session of this request.
	Current bool
}

// ActivityPage is /me/activity.
type ActivityPage struct {
	Items []ActivityItem
	// Newer and Older are paths with their query, or "".
	Newer, Older string
}

func (ActivityPage) layout() (string, bool) { return "account/activity", true }

// ActivityItem is one thing that happened, as a plain sentence.
type ActivityItem struct {
	// ID is the audit event, for "This was not me", which posts it as "event" to /me/activity/not-me; "" offers no such button.
	ID string
	At time.Time
	// Sentence is a message activity.*.
	Sentence Text
	// Where is the device and place, or "".
	Where string
	// Result is "ok", "refused" or "noanswer".
	Result string
	// Times is how often it happened in a row, since First; 0 stands for once.
	Times int
	First time.Time
}

// ActivityDay is what happened on one day.
type ActivityDay struct {
	At    time.Time
	Items []ActivityItem
}

// Days groups the items, newest first, by day. What happened several times in a row, in the same place and with the same result, is one item
// with the newest of them: so many rows that say the same hide the one that does not.
func (v *view) Days(items []ActivityItem) []ActivityDay {
	var days []ActivityDay
	for _, item := range items {
		at := item.At.In(v.F.zone())
		if n := len(days); n == 0 || days[n-1].At.YearDay() != at.YearDay() || days[n-1].At.Year() != at.Year() {
			days = append(days, ActivityDay{At: at})
		}
		day := &days[len(days)-1]
		if n := len(day.Items); n > 0 && day.Items[n-1].repeats(item) {
			last := &day.Items[n-1]
			last.Times, last.First = max(last.Times, 1)+1, item.At
			continue
		}
		day.Items = append(day.Items, item)
	}
	return days
}

func (i ActivityItem) repeats(other ActivityItem) bool {
	return i.Where == other.Where && i.Result == other.Result && reflect.DeepEqual(i.Sentence, other.Sentence)
}

// RecoveryCodesPage is /me/recovery-codes, and /me/recovery-codes/new with fresh codes. Making new ones posts to the first.
type RecoveryCodesPage struct {
	// Left of Total codes are unused; Total is 0 when there are none.
	Left, Total int
	MadeAt      time.Time
	// Codes are fresh ones. Whose they are and where they are good stands on their sheet.
	Codes             []string
	Username, Address string
	// Confirm asks before the old ones stop working.
	Confirm bool
	// Next is the path of "I have saved them"; "" is /me/self-service.
	Next string
}

func (RecoveryCodesPage) layout() (string, bool) { return "account/recovery-codes", false }
