package portal_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/directory"
)

func unmarshal(t *testing.T, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
}

func activityQuery(n int) directory.ActivityQuery { return directory.ActivityQuery{Limit: n} }

func auditKind(kind staffkey.EventKind) directory.AuditFilter {
	return directory.AuditFilter{Kind: kind}
}

var sealedText = regexp.MustCompile(`value="[A-Za-z0-9_-]{60,}"|challenge[^,]*,|data-code="[^"]*"`)

// scrub takes out of a page what is random or was typed.
func scrub(body, typed string) string {
	return sealedText.ReplaceAllString(strings.ReplaceAll(body, `value="`+typed+`"`, `value=""`), "")
}
