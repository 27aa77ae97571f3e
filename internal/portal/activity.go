package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
)

const activityPage = 25

func (p *Portal) activity(r *request) error {
	actor := r.current.Actor
	q := directory.ActivityQuery{
		Before: staffkey.AuditEventID(knownID(r.FormValue("before"))), After: staffkey.AuditEventID(knownID(r.FormValue("after"))), Limit: activityPage,
	}
	if q.Before != "" {
		q.After = ""
	}
	events, err := p.Directory.Activity(r.Context(), actor, actor.Person, q)
	if err != nil {
		return err
	}
	var page ui.ActivityPage
	for _, e := range events.Events {
		if !cameToSomething(e, events.Events) {
			page.Items = append(page.Items, p.activityItem(r, e))
		}
	}
	if n := len(events.Events); n > 0 {
		if events.Newer {
			page.Newer = "/me/activity?after=" + url.QueryEscape(string(events.Events[0].ID))
		}
		if events.Older {
			page.Older = "/me/activity?before=" + url.QueryEscape(string(events.Events[n-1].ID))
		}
	}
	return p.render(r, http.StatusOK, "activity", page)
}

// cameToSomething reports a password that was given in a sign-in which the list has as well: its owner reads of that.
func cameToSomething(e staffkey.AuditEvent, list []staffkey.AuditEvent) bool {
	return e.Kind == staffkey.EventPasswordGiven && slices.ContainsFunc(list, func(other staffkey.AuditEvent) bool {
		return other.Kind == staffkey.EventSignedIn && other.Detail["attempt"] == e.Detail["attempt"]
	})
}

// knownID keeps what can be an id.
func knownID(s string) string {
	if !isID(s) {
		return ""
	}
	return s
}

// activityItem tells an event to the person it happened to.
func (p *Portal) activityItem(r *request, e staffkey.AuditEvent) ui.ActivityItem {
	item := ui.ActivityItem{ID: string(e.ID), At: e.At, Where: p.whereOf(r, e), Result: "ok"}
	switch e.Outcome {
	case staffkey.OutcomeRefused:
		item.Result = "refused"
	case staffkey.OutcomeEnded:
		item.Result = "noanswer"
	}
	item.Sentence = p.sentence(r, e, item.Result)
	return item
}

func (p *Portal) whereOf(r *request, e staffkey.AuditEvent) string {
	var parts []string
	for _, s := range []string{p.browserNamed(r, e.Browser), e.IP} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

func (p *Portal) sentence(r *request, e staffkey.AuditEvent, result string) ui.Text {
	named := map[string]any{"Nickname": e.SubjectName}
	byOther := e.Actor != e.Person
	if byOther {
		named["By"] = e.ActorName
	}
	switch e.Kind {
	case staffkey.EventSignedIn:
		switch {
		case e.SubjectName != "":
			return ui.Text{ID: "activity.signin.key", Args: named}
		case strings.Contains(e.Detail["methods"], string(staffkey.MethodRecoveryCode)):
			return ui.Text{ID: "activity.signin.recovery-code"}
		}
		for m := range strings.FieldsSeq(e.Detail["methods"]) {
			if m != string(staffkey.MethodPassword) {
				return ui.Text{ID: "activity.signin.method", Args: map[string]any{"Method": methodName(m)}}
			}
		}
		return ui.Text{ID: "activity.signin.password"}
	case staffkey.EventSignInRefused:
		return ui.Text{ID: "activity.signin.refused"}
	case staffkey.EventPromptEnded:
		return ui.Text{ID: "activity.signin.noanswer"}
	}
	if result == "refused" {
		return p.refusedSentence(e, named)
	}
	switch e.Kind {
	case staffkey.EventProved:
		return ui.Text{ID: "activity.confirmed"}
	case staffkey.EventSignedOut:
		return ui.Text{ID: "activity.signed-out"}
	case staffkey.EventSessionEnded:
		switch e.Detail["why"] {
		case "idle":
			return ui.Text{ID: "activity.session.idle"}
		case "limit":
			return ui.Text{ID: "activity.session.limit"}
		}
		if e.Subject == "" {
			return ui.Text{ID: "activity.session.others-ended"}
		}
		return ui.Text{ID: "activity.session.ended"}
	case staffkey.EventKeyRegistered:
		return ui.Text{ID: "activity.token.touched"}
	case staffkey.EventKeyNamed:
		if byOther {
			return ui.Text{ID: "activity.token.registered-by", Args: named}
		}
		return ui.Text{ID: "activity.token.registered", Args: named}
	case staffkey.EventKeyRenamed:
		named["From"] = e.Detail["before"]
		return ui.Text{ID: "activity.token.renamed", Args: named}
	case staffkey.EventKeyTried:
		return ui.Text{ID: "activity.token.tried", Args: named}
	case staffkey.EventKeyRemoved:
		if byOther {
			return ui.Text{ID: "activity.token.removed-by", Args: named}
		}
		return ui.Text{ID: "activity.token.removed", Args: named}
	case staffkey.EventKeyStopped:
		if e.Detail["reason"] == string(staffkey.StopReset) {
			return ui.Text{ID: "activity.token.reset", Args: named}
		}
	case staffkey.EventKeyRestored:
		return ui.Text{ID: "activity.token.restored", Args: named}
	case staffkey.EventMethodEnrolled, staffkey.EventMethodChanged:
		switch e.Subject {
		case string(staffkey.MethodRecoveryCode):
			return ui.Text{ID: "activity.codes.made"}
		case string(staffkey.MethodPassword), "":
			return ui.Text{ID: "activity.password.set"}
		}
		return ui.Text{ID: "activity.method.set-up", Args: map[string]any{"Method": methodName(e.Subject)}}
	case staffkey.EventLinkUsed:
		return ui.Text{ID: "activity.password.set"}
	case staffkey.EventLinkIssued:
		return ui.Text{ID: "activity.link"}
	case staffkey.EventPersonAdded, staffkey.EventSetUp:
		return ui.Text{ID: "activity.added"}
	case staffkey.EventPersonChanged:
		return p.changedSentence(r, e, named)
	case staffkey.EventRoleGranted:
		return ui.Text{ID: "activity.role.granted"}
	case staffkey.EventRoleRevoked:
		return ui.Text{ID: "activity.role.revoked"}
	}
	if t := (ui.Text{ID: "event." + string(e.Kind), Args: named}); p.UI.HasMessage(t.ID) {
		if isMethod(e.Subject) {
			named["Method"] = methodName(e.Subject)
		}
		return t
	}
	return ui.Text{ID: "activity.other", Args: map[string]any{"Event": string(e.Kind)}}
}

// refusedSentence says what was refused.
func (p *Portal) refusedSentence(e staffkey.AuditEvent, named map[string]any) ui.Text {
	switch {
	case isMethod(e.Subject) && (e.Kind == staffkey.EventMethodEnrolled || e.Kind == staffkey.EventMethodChanged):
		return ui.Text{ID: "activity.refused.method", Args: map[string]any{"Method": methodName(e.Subject)}}
	case p.UI.HasMessage("activity.refused." + string(e.Kind)):
		return ui.Text{ID: "activity.refused." + string(e.Kind), Args: named}
	}
	return ui.Text{ID: "activity.change.refused"}
}

// changedSentence says what about a person was changed: the language that they chose, or some of their details.
func (p *Portal) changedSentence(r *request, e staffkey.AuditEvent, named map[string]any) ui.Text {
	if e.Detail["language"] != "" {
		return ui.Text{ID: "activity.language"}
	}
	var fields []string
	for field := range strings.SplitSeq(e.Detail["changed"], ", ") {
		if id := "activity.field." + field; p.UI.HasMessage(id) {
			fields = append(fields, p.UI.Text(r.lang(), ui.Text{ID: id}))
		}
	}
	named["Fields"] = strings.Join(fields, ", ")
	return ui.Text{ID: "activity.changed", Args: named}
}

// methodName is the name of a method as pages say it.
func methodName(kind string) ui.Text {
	return ui.Text{ID: "method." + optionKind(staffkey.MethodKind(kind)) + ".name"}
}

func isMethod(subject string) bool {
	for _, m := range codeMethods {
		if string(m.kind) == subject {
			return true
		}
	}
	return false
}
