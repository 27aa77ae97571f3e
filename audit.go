package staffkey

import (
	"slices"
	"strings"
	"time"
)

// AuditEventID identifies an audit event; ids sort by time.
type AuditEventID string

// EventKind says what an audit event is about. The text of kind k is the message "event.<k>".
type EventKind string

// The kinds of event. A kind is never renamed: the log outlives the release.
const (
	EventSignedIn          EventKind = "signed_in"
	EventSignInRefused     EventKind = "sign_in_refused"
	EventPromptEnded       EventKind = "prompt_ended" // the browser's prompt ended without an answer
	EventProved            EventKind = "proved"       // step-up in a session
	EventSignedOut         EventKind = "signed_out"
	EventSessionEnded      EventKind = "session_ended"
	EventKeyRegistered     EventKind = "key_registered"
	EventKeyNamed          EventKind = "key_named"
	EventKeyRenamed        EventKind = "key_renamed"
	EventKeyTried          EventKind = "key_tried"
	EventKeyRemoved        EventKind = "key_removed"
	EventKeyRestored       EventKind = "key_restored"
	EventMethodEnrolled    EventKind = "method_enrolled"
	EventMethodChanged     EventKind = "method_changed"
	EventMethodRemoved     EventKind = "method_removed"
	EventMethodGuessed     EventKind = "method_guessed"  // several wrong answers in a row, after a right password
	EventMethodDisabled    EventKind = "method_disabled" // after too many wrong answers in a row
	EventMethodShut        EventKind = "method_shut"     // too many of them by strangers: it takes answers from places of the person's own only
	EventSourceAlarm       EventKind = "source_alarm"    // a network or station from which as many names were tried as may be
	EventPasswordChanged   EventKind = "password_changed"
	EventPasswordGiven     EventKind = "password_given" // a right password, in a browser that is not known, and something more asked for
	EventPasswordReset     EventKind = "password_reset" // by a link
	EventResetAsked        EventKind = "reset_asked"
	EventCodeSent          EventKind = "code_sent"
	EventSendingAlarm      EventKind = "sending_alarm" // many codes sent, few typed
	EventCodesStopped      EventKind = "codes_stopped" // a person asked for more codes than may be sent in ten minutes
	EventKeyStopped        EventKind = "key_stopped"
	EventKeyResumed        EventKind = "key_resumed"
	EventKeyRefused        EventKind = "key_refused" // in a review
	EventKeyReplaced       EventKind = "key_replaced"
	EventReplacementAsked  EventKind = "replacement_asked"
	EventPassIssued        EventKind = "pass_issued"
	EventPassRevoked       EventKind = "pass_revoked"
	EventPersonFrozen      EventKind = "person_frozen"
	EventPersonUnfrozen    EventKind = "person_unfrozen"
	EventExceptionGranted  EventKind = "exception_granted"
	EventExceptionEnded    EventKind = "exception_ended"
	EventStationAdded      EventKind = "station_added"
	EventStationRevoked    EventKind = "station_revoked"
	EventPersonAdded       EventKind = "person_added"
	EventPersonChanged     EventKind = "person_changed"
	EventPersonReplaced    EventKind = "person_replaced" // their username is another person's now
	EventOrganisationAdded EventKind = "organisation_added"
	EventOrganisationEdit  EventKind = "organisation_changed"
	EventRoleGranted       EventKind = "role_granted"
	EventRoleRevoked       EventKind = "role_revoked"
	EventPolicyChanged     EventKind = "policy_changed"
	EventLinkIssued        EventKind = "link_issued"
	EventLinkUsed          EventKind = "link_used"
	EventSetUp             EventKind = "set_up"
	EventMetadataImported  EventKind = "metadata_imported"
	EventAnchorAdded       EventKind = "trust_anchor_added"
	EventAnchorRemoved     EventKind = "trust_anchor_removed"
	EventMetadataFailed    EventKind = "metadata_failed"  // it could not be fetched, or was refused
	EventMetadataOffered   EventKind = "metadata_offered" // sent, and not in use yet
	EventMetadataHeld      EventKind = "metadata_held"    // what it says would refuse many, and waits for an operator
	EventMetadataDecided   EventKind = "metadata_decided" // an operator has
	EventRecallStarted     EventKind = "recall_started"
	EventRecallUndone      EventKind = "recall_undone"
	EventRequestFailed     EventKind = "request_failed" // by a fault of the service, which its log tells under the same code
	EventKeyJudged         EventKind = "key_judged"     // new metadata says another thing of its attestation
)

// EventKinds lists all kinds.
var EventKinds = []EventKind{
	EventSignedIn, EventSignInRefused, EventPromptEnded, EventProved, EventSignedOut, EventSessionEnded,
	EventKeyRegistered, EventKeyNamed, EventKeyRenamed, EventKeyTried, EventKeyRemoved, EventKeyRestored,
	EventMethodEnrolled, EventMethodChanged, EventMethodRemoved, EventMethodGuessed, EventMethodDisabled, EventMethodShut,
	EventSourceAlarm, EventPasswordChanged, EventPasswordGiven, EventPasswordReset, EventResetAsked, EventCodeSent,
	EventSendingAlarm, EventCodesStopped, EventKeyStopped, EventKeyResumed, EventKeyRefused, EventKeyReplaced,
	EventReplacementAsked, EventPassIssued, EventPassRevoked, EventPersonFrozen, EventPersonUnfrozen, EventExceptionGranted,
	EventExceptionEnded, EventStationAdded, EventStationRevoked, EventPersonAdded, EventPersonChanged, EventPersonReplaced,
	EventOrganisationAdded, EventOrganisationEdit, EventRoleGranted, EventRoleRevoked, EventPolicyChanged, EventLinkIssued,
	EventLinkUsed, EventSetUp, EventMetadataImported, EventAnchorAdded, EventAnchorRemoved, EventMetadataFailed,
	EventMetadataOffered, EventMetadataHeld, EventMetadataDecided, EventRecallStarted, EventRecallUndone, EventRequestFailed,
	EventKeyJudged,
}

// ParseEventKind returns the kind of a name. ErrInvalid names one that is spelled alike, if there is.
func ParseEventKind(name string) (EventKind, error) {
	if slices.Contains(EventKinds, EventKind(name)) {
		return EventKind(name), nil
	}
	plain := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
	var near EventKind
	least := max(2, len(plain)/4) + 1 // further away, it is another word
	for _, k := range EventKinds {
		if d := distance(plain, string(k)); d < least {
			near, least = k, d
		}
	}
	if near != "" {
		return "", Invalid("kind", "audit.kind.meant", "Kind", name, "Meant", string(near))
	}
	return "", Invalid("kind", "audit.kind", "Kind", name)
}

// distance is how many letters have to be changed, added or left out to make one text of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Outcome is how what an event tells of ended.
type Outcome string

// The outcomes of an event.
const (
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused"
	OutcomeEnded   Outcome = "ended" // no answer came: nobody's fault, nothing counted
)

// AuditEvent is one line of the log: who did what to whom, where, and how it ended.
type AuditEvent struct {
	ID      AuditEventID
	At      time.Time
	Kind    EventKind
	Outcome Outcome
	// Actor is who did it; ActorName stands in for the console and for people not known.
	Actor     PersonID
	ActorName string
	// Person and Organisation are whom it concerns.
	Person       PersonID
	Organisation OrganisationID
	// Subject is the thing concerned (a key, a session, a method), and SubjectName what it was called then.
	Subject     string
	SubjectName string
	// Rule or message id that said no, and the code to give to a helpdesk.
	Message     string
	SupportCode string
	Session     SessionID
	IP          string
	Browser     string
	// Detail holds further facts as text; never secrets.
	Detail map[string]string
}

// Event starts an audit event of an actor with everything that the actor tells.
func Event(kind EventKind, actor Actor) AuditEvent {
	return AuditEvent{
		Kind: kind, Outcome: OutcomeDone, Actor: actor.Person, ActorName: actor.Name, Session: actor.Session,
		IP: actor.Origin.IP, Browser: actor.Origin.Browser,
	}
}

// Clean returns the event with nothing in it that is no text of one line ([CleanText]). Part of it is what somebody typed or sent.
func (e AuditEvent) Clean() AuditEvent {
	e.ID, e.Kind, e.Outcome = cleaned(e.ID), cleaned(e.Kind), cleaned(e.Outcome)
	e.Actor, e.Person, e.Organisation, e.Session = cleaned(e.Actor), cleaned(e.Person), cleaned(e.Organisation), cleaned(e.Session)
	for _, text := range []*string{&e.ActorName, &e.Subject, &e.SubjectName, &e.Message, &e.SupportCode, &e.IP, &e.Browser} {
		*text = CleanText(*text)
	}
	if len(e.Detail) > 0 {
		detail := make(map[string]string, len(e.Detail))
		for k, v := range e.Detail {
			detail[CleanText(k)] = CleanText(v)
		}
		e.Detail = detail
	}
	return e
}

func cleaned[T ~string](s T) T { return T(CleanText(string(s))) }

// RefusedBy turns the event into the record of a refusal.
func (e AuditEvent) RefusedBy(r *Refusal) AuditEvent {
	e.Outcome = OutcomeRefused
	e.Message = r.Message.ID
	detail := map[string]string{"rule": r.Rule}
	for k, v := range e.Detail {
		detail[k] = v
	}
	if r.Reason != "" {
		detail["reason"] = r.Reason
	}
	e.Detail = detail
	return e
}
