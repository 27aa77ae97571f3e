package directory

import (
	"fmt"
	"strings"

	"staffkey"
)

// english holds in plain English what a file or a command line can be told: the programs that run in a terminal have no
// message files. Pages use the message files; the ids are the same.
var english = map[string]string{
	"srv.count.busy":   "others are counting at this moment; try again in a few seconds",
	"field.empty":      "is empty",
	"field.long":       "is too long: at most {Max} characters (there are {Count})",
	"field.characters": "contains characters that cannot be used here",

	"organisation.unknown":         "there is no organisation “{Code}”",
	"organisation.code.characters": "may contain letters, digits and - _ . / only",
	"organisation.code.taken":      "there is an organisation “{Code}” already",
	"organisation.second_root":     "only one organisation may have no parent",
	"organisation.parent.fixed":    "the place of an organisation in the tree cannot be changed by an import",
	"organisation.parent.refused":  "its parent “{Code}” was refused, or is below itself",

	"username.spaces":      "must not contain spaces",
	"username.other_email": "with an @ must be the same as the e-mail address",
	"username.taken":       "somebody else has the username “{Username}”",
	"email.shape":          "is not an e-mail address",
	"email.taken":          "somebody else has the e-mail address “{Email}”",
	"person.state":         "must be active or disabled (is “{State}”)",

	"role.unknown":       "there is no role “{Role}”: use operator, local_administrator, helpdesk or auditor",
	"role.operator_root": "an operator runs the whole installation: grant the role at the first organisation",
	"role.last_operator": "this is the last operator: make somebody else operator first",

	"policy.max_keys": "must be between {Min} and {Max}",
	"policy.methods":  "the password, the security key and the pass are always there: name the other methods only",

	"policy.sessions.idle": "the idle limit at AAL{Level} must be between {Min} and {Max} minutes",
	"policy.sessions.all":  "the limit in all at AAL{Level} must be between {Min}, the idle limit, and {Max} minutes",

	"policy.method.unknown": "there is no method “{Method}”: use {Methods}",
	"policy.method.meant":   "there is no method “{Method}”: write {Meant}",

	"policy.core_methods":          "must be one or more of security_key, totp, text_message and phone_call",
	"policy.core_methods.allowed":  "{Method} would be asked for and is not among the methods that are allowed: add it to --methods, or leave it out of --core",
	"policy.core_methods.no_codes": "codes are asked for, and no number would get any: name countries by --countries, and more than 0 by --codes-per-day",
	"policy.core_methods.no_key":   "a security key is asked for, and these rules for keys would take no new one",
	"policy.strength.no_key":       "a security key is needed for each sign-in, and these rules for keys would take no new one",

	"policy.lock":   "can be max-keys, methods, sessions, core, grace-days, countries, codes-per-day and keys; strength and downgrade are always locked",
	"policy.locked": "{Name} has locked this, and below it may only be made stricter: staffkeyd policy set {Code} --unlock {Setting} opens it",
	"policy.weaker": "{Name} ({Code}) above asks for {Value}, and below that may not be weaker",
	"policy.below":  "{Name} ({Code}) below has decided for itself, and its people would be asked for what they could not set up: change that first",

	"policy.strength":      "must be any or phishing_resistant",
	"policy.downgrade":     "must be notify or forbid",
	"policy.grace_days":    "must be between 0 and {Max} days",
	"policy.codes_per_day": "must be between 0 and {Max}",
	"policy.countries":     "“{Country}” is no country with telephone numbers: write codes of two capital letters (ISO 3166), such as GB",
	"policy.country.meant": "there is no country “{Country}”: write {Meant}",

	"policy.level":            "must be one of {Levels}",
	"policy.keys.aaguid":      "a model is named by its AAGUID, such as ee882879-721c-4913-9775-3dfcce97072a",
	"policy.keys.rule":        "a model is one of allow, review and deny",
	"policy.keys.firmware":    "a firmware is given as AAGUID=VERSION, such as ee882879-721c-4913-9775-3dfcce97072a=5.4.3",
	"policy.keys.finding":     "a finding is one of REVOKED, USER_KEY_REMOTE_COMPROMISE, USER_VERIFICATION_BYPASS, USER_KEY_PHYSICAL_COMPROMISE and ATTESTATION_KEY_COMPROMISE, and its rule refuse, flag or ignore",
	"policy.keys.level":       "there is no such level of certification",
	"policy.keys.attestation": "must be any or proven",
	"policy.keys.min_pin":     "must be between 0 and {Max}",
	"policy.keys.conveyance":  "must be none, indirect, direct or enterprise",

	"audit.kind":       "there is no kind of event “{Kind}”: audit export shows those that there are",
	"audit.kind.meant": "there is no kind of event “{Kind}”: write {Meant}",

	"ops.last_operator_key": "after this no operator would have a key that is taken, so that nobody could act: let an operator register another key first, or add --even-if-nobody-can-sign-in",
	"ops.own_key":           "your own key would be refused: say that you know",
	"ops.hold.empty":        "must be refuse or take",
	"ops.hold.gone":         "was decided meanwhile, or the metadata says it no more",

	"rules.changed": "somebody has changed these rules meanwhile: look again",

	"anchors.file": "must not be empty or have more than {Max} KB",
	"anchors.none": "holds something else than certificates, in PEM or DER",
	"anchors.many": "are more than {Max} certificates for one model",

	"recall.firmware":       "a firmware is a version such as 5.4.3",
	"recall.firmware.order": "the first firmware that is concerned must be lower than the first that is not",
	"recall.until":          "the date must be an hour away at least and {Max} days at most",
	"recall.over":           "the recall cannot be taken back: its date has passed, or it was taken back already",

	"mds.size":         "has more than {Max} MB",
	"mds.form":         "is no signed token: take the BLOB as it comes from the Metadata Service, whole",
	"mds.algorithm":    "is signed in a way that is not accepted",
	"mds.header":       "asks for certificates from elsewhere, or has a header that is not known",
	"mds.certificates": "holds no certificates, or too many",
	"mds.chain":        "is not signed by the FIDO Alliance: its certificates lead to no root that is trusted (--metadata-roots)",
	"mds.expired":      "is signed with a certificate that is not valid now: check the clock of this machine, or get a newer one",
	"mds.revoked":      "is signed with a certificate that was revoked",
	"mds.name":         "is signed by somebody else than {Name} (--metadata-name)",
	"mds.signature":    "was changed after it was signed: get it again",
	"mds.payload":      "is signed, and cannot be read",
	"mds.rollback":     "is number {No}, older than what is there",

	"pass.starts":       "a pass begins within {Max} hours",
	"pass.length":       "a pass works for {Min} minutes to {Max} hours",
	"exception.length":  "must be more than nothing and at most {Max} hours",
	"person.frozen":     "the account is frozen: look into it, then open it with staffkeyd person unfreeze",
	"person.not-frozen": "the account is not frozen",
	"person.disabled":   "the account is disabled",

	"person.other": "“{Username}” is {Name}, number {Number}, and not {OtherName}, number {OtherNumber}: " +
		"say --new-holder {Username} if it is somebody else's now, or --same-person {Username} if both are one person",
	"person.other-unnumbered": "“{Username}” is {Name}, and may not be {OtherName}: " +
		"say --new-holder {Username} if it is somebody else's now, or --same-person {Username} if both are one person",

	"name.empty":      "enter a nickname",
	"name.long":       "use {Max} characters or fewer (that is {Count} too many)",
	"name.taken":      "there is a token “{Nickname}” already",
	"name.characters": "contains characters that cannot be used here",
	"key.undo.late":   "the key was removed more than 10 minutes ago: register it again",

	"perm.organisation": "is not in an organisation that you look after",
	"perm.key":          "sign in with a security key to act for others",
	"perm.rank":         "somebody with a higher role has to do this",
	"perm.self":         "nobody changes their own roles",

	"import.stays_frozen": "“{Username}” stays frozen until somebody has looked into it: staffkeyd person unfreeze {Username}",
	"import.replaced":     "“{Username}” is {Name} now; what {OtherName} signed in with is gone, and their entry is “{Aside}”",
	"import.not_replaced": "“{Username}” is {Name} already: nothing was taken off",
	"import.number_known": "{Number} is the number of {Name} (“{Username}”), who is not in the file: " +
		"say --same-person {New} if that is their username now, or --new-holder {New} if it is an account of its own",
	"import.number_ambiguous": "“{Username}” and “{Other}” both have the number {Number}: one of them must be said by its username",

	"import.duplicate":      "is on line {Line} already",
	"import.conflict":       "was changed by somebody else meanwhile: import the file again",
	"import.columns":        "the row has {Have} columns, the header {Want}",
	"import.quote":          "a quotation mark is missing or in the wrong place",
	"import.row_long":       "a row after line {Line} is longer than 64 KB: is a quotation mark not closed? Nothing after that line was read",
	"import.header.empty":   "the file is empty: the first line names the columns",
	"import.header.unknown": "unknown columns: {Columns} (known: {Known}); take them out, or name them, for people, with --ignore-column",
	"import.header.missing": "missing columns: {Columns}",
	"import.header.twice":   "columns named twice: {Columns}",
	"import.no_row":         "is no row, but a line of the program that wrote the file: take it out",
	"import.unnamed":        "has a value in column {Column}, which has no name in the header",
	"import.no_value":       "is “{Value}”, which a spreadsheet or database wrote in place of a value: leave it empty, or put the value there",
	"import.scientific":     "is “{Value}”, a number that a spreadsheet has shortened: make the column text, and put the number there again",
	"import.lost":           "is “{Value}”, in which a letter was lost when the file was written: save it again as UTF-8",

	"import.twice_encoded": "“{Value}” was taken as it is, and may be “{Meant}”: the file may have been read in another encoding before it was saved",
	"import.question_mark": "“{Value}” was taken as it is: did the question mark take the place of a letter such as ŵ when the file was saved? Save it as UTF-8",
	"import.domain":        "“{Username}” was taken as it is: people have to type all of it to sign in, with what is before the \\",
	"import.phone":         "“{Value}” was taken as it is, and may be no telephone number",
	"import.same_number":   "has the same number as line {Line}: two accounts, which is right if they are one person's",

	"import.encoding":         "is not UTF-8 (line {Line}): save the file as “CSV UTF-8”, or say its encoding with --encoding",
	"import.encoding.windows": "is not UTF-8: save the file as “CSV UTF-8”. If line {Line} should read “{Text}”, import it with --encoding windows-1252",
	"import.encoding.utf32":   "is UTF-32: save the file as “CSV UTF-8”",
	"import.encoding.unknown": "there is no encoding “{Encoding}”: use utf-8, utf-16, windows-1252, iso-8859-14, ibm850 or macintosh",
}

// English returns a message in plain English, as part of a sentence that has named the field: lower-case, without a full
// stop. A message that no file or command meets is told by its id.
func English(m staffkey.Message) string {
	text, ok := english[m.ID]
	if !ok {
		return m.ID
	}
	for name, value := range m.Args {
		text = strings.ReplaceAll(text, "{"+name+"}", staffkey.CleanText(fmt.Sprint(value)))
	}
	return text
}
