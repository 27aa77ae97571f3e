package portal_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"staffkey/internal/portal"
	"staffkey/internal/portal/ui/gallery"
)

var (
	postForms   = regexp.MustCompile(`(?s)<form [^>]*method="post" action="([^"]*)"[^>]*>(.*?)</form>`)
	typedFields = regexp.MustCompile(`<(?:input|select|textarea) [^>]*>`)
	attributes  = regexp.MustCompile(` ([a-z-]+)(?:="([^"]*)")?`)
)

// Whatever people type or choose in a form of a session goes on when the session has ended before they send it (ux §4.4), and nothing else
// does: fields of a form that is new have to be in its route.
func TestRoutes_keep_what_people_type(t *testing.T) {
	t.Parallel()
	pages, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string][]string{}
	for _, state := range gallery.Gallery() {
		w := httptest.NewRecorder()
		if err := pages.Render(w, 200, state.Frame, state.Page); err != nil {
			t.Fatal(err)
		}
		for _, form := range postForms.FindAllSubmatch(bytes.ReplaceAll(w.Body.Bytes(), []byte("&#43;"), []byte("+")), -1) {
			path, _, _ := strings.Cut(string(form[1]), "?")
			route, ok := routeOf(path)
			if !ok || route.Needs == "anyone" {
				continue
			}
			for _, tag := range typedFields.FindAllSubmatch(form[2], -1) {
				if name := typedName(tag[0]); name != "" && !slices.Contains(kept[route.Pattern], name) {
					kept[route.Pattern] = append(kept[route.Pattern], name)
				}
			}
		}
	}
	for _, route := range portal.Routes() {
		if route.Method != "POST" {
			continue
		}
		want := kept[route.Pattern]
		for _, name := range want {
			if !route.IsKept(name) {
				t.Errorf("%s: its form has a field %q, which is lost with the session: keeps(%q)", route.Pattern, name, name)
			}
		}
		for _, name := range route.Keeps {
			if !slices.ContainsFunc(want, portal.Route{Keeps: []string{name}}.IsKept) {
				t.Errorf("%s keeps a field %q, which no page has, or which is a secret", route.Pattern, name)
			}
		}
	}
}

// routeOf is the route that a form's address leads to.
func routeOf(path string) (portal.Route, bool) {
	for _, route := range portal.Routes() {
		pattern := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(regexp.QuoteMeta(strings.NewReplacer("{", "<", "}", ">").Replace(route.Pattern)), "")
		pattern = regexp.MustCompile(`<[a-z]+>`).ReplaceAllString(pattern, `[^/]+`)
		if route.Method == "POST" && regexp.MustCompile(fmt.Sprintf("^%s$", pattern)).MatchString(path) {
			return route, true
		}
	}
	return portal.Route{}, false
}

// typedName is the name of a field that people type or choose, of whose value pages make no secret.
func typedName(tag []byte) string {
	in := map[string]string{}
	for _, m := range attributes.FindAllSubmatch(tag, -1) {
		in[string(m[1])] = string(m[2])
	}
	_, shown := in["value"]
	_, hidden := in["hidden"]
	switch {
	case hidden:
		return ""
	case in["name"] == "own": // what somebody has agreed to is asked again
		return ""
	case bytes.HasPrefix(tag, []byte("<select")), bytes.HasPrefix(tag, []byte("<textarea")):
		return in["name"]
	case shown && slices.Contains([]string{"text", "email", "tel", "radio", "checkbox", "date", "number", "search"}, in["type"]):
		return in["name"]
	}
	return ""
}
