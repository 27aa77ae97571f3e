package portal

import "staffkey"

// A page offers by the remedy of its message what can help and nothing else, and whoever helps reads by it what to say. Beside the remedies
// of what a key or its browser answered there are those of what stands against a sign-in without that.
const (
	// remedyElsewhere: not in this browser or at this address, where no key does better.
	remedyElsewhere staffkey.Remedy = "elsewhere"
	// remedyDecided: a rule or a person stands against this key, way or account; another one helps, or whoever decides.
	remedyDecided staffkey.Remedy = "decided"
	// remedyRestart: the page was too old, or used; the same step begins once more.
	remedyRestart staffkey.Remedy = "restart"
)

// remedies sorts the messages of outcomes.
var remedies = map[string]staffkey.Remedy{
	"wa.noanswer": staffkey.RemedyRetry, "wa.timeout": staffkey.RemedyRetry, "wa.focus": staffkey.RemedyRetry, "wa.busy": staffkey.RemedyRetry,
	"wa.unknown": staffkey.RemedyRetry, "wa.constraint": staffkey.RemedyRetry, "wa.instant": staffkey.RemedyRetry, "wa.answer": staffkey.RemedyRetry,
	"wa.error": staffkey.RemedyRetry, "key.unproven": staffkey.RemedyRetry, "key.uv": staffkey.RemedyRetry, "key.another": staffkey.RemedyRetry,

	"key.again": staffkey.RemedyRegister, "key.elsewhere": staffkey.RemedyRegister, "key.clone": staffkey.RemedyRegister, "key.unknown": staffkey.RemedyRegister,

	"wa.data": staffkey.RemedyReport, "wa.bound": staffkey.RemedyReport, "srv.500": staffkey.RemedyReport, "srv.503": staffkey.RemedyReport,

	"wa.domain": remedyElsewhere, "wa.perm": remedyElsewhere, "wa.none": remedyElsewhere, "wa.nojs": remedyElsewhere, "wa.filter": remedyElsewhere,

	"wa.unsup": remedyDecided, "wa.exists": remedyDecided, "key.other": remedyDecided, "key.removed": remedyDecided, "key.suspended": remedyDecided,
	"key.review": remedyDecided, "key.recalled": remedyDecided, "key.recall-alone": remedyDecided, "key.model": remedyDecided,
	"key.exists": remedyDecided, "key.reset": remedyDecided, "key.limit": remedyDecided, "key.last": remedyDecided, "person.frozen": remedyDecided, "person.disabled": remedyDecided,
	"signin.nothing": remedyDecided, "method.weaker": remedyDecided, "method.weaker-limit": remedyDecided, "method.restricted": remedyDecided,

	"key.late": remedyRestart, "key.before": remedyRestart, "key.spent": remedyRestart, "key.changed": remedyRestart, "key.password": remedyRestart,
}

// remedyOf is the remedy of a message; "" is one of something else than a sign-in or a registration.
func remedyOf(message string) staffkey.Remedy { return remedies[message] }

// mayRetry reports whether the same key may do better when it is tried again.
func mayRetry(message string) bool { return remedyOf(message) == staffkey.RemedyRetry }
