package mds

import (
	"strings"

	"staffkey"
)

// rule is why a BLOB is refused, as audit and pages name it.
type rule string

// All rules. The message of each has the same name with a dot: "mds.size" for "mds_size".
const (
	// It is larger than [MaxSize]. Message value Max: how much is allowed, in MB.
	ruleSize rule = "mds_size"
	// It is no signed token in the compact form: three parts of base64url, of which the first is one JSON object (RFC 7515 §7.1).
	ruleForm rule = "mds_form"
	// It is signed in a way that we do not accept, such as not at all, or the key is too weak or of another kind.
	ruleAlgorithm rule = "mds_algorithm"
	// It wants us to fetch the certificates, or to know an extension of the header that we do not know.
	ruleHeader rule = "mds_header"
	// It holds no certificates, too many, or something else in their place.
	ruleCertificates rule = "mds_certificates"
	// The certificates do not lead to a root that we trust, or are not for signing.
	ruleChain rule = "mds_chain"
	// A certificate is not valid yet, or no longer.
	ruleExpired rule = "mds_expired"
	// A certificate was revoked by who issued it.
	ruleRevoked rule = "mds_revoked"
	// The certificate is somebody else's. Message value Name: whose we wanted.
	ruleName rule = "mds_name"
	// The signature does not hold: something was changed after it was made.
	ruleSignature rule = "mds_signature"
	// It is signed, but its content is not what Service §3.1.6 describes.
	rulePayload rule = "mds_payload"
	// It is older than the one that we have. Message values No and Previous: the numbers of the two.
	ruleRollback rule = "mds_rollback"
)

// refuse returns the refusal by this rule; pairs are the message's values.
func (r rule) refuse(pairs ...any) *staffkey.Refusal {
	return staffkey.Refused(string(r), "mds."+strings.TrimPrefix(string(r), "mds_"), pairs...)
}
