package portal

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

func TestLanguage_at_a_station_is_the_person_s_own(t *testing.T) {
	t.Parallel()
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	p := &Portal{languages: languagesOf(pages)}
	for _, tt := range []struct {
		name, station, persons string
		signedIn               bool
		want                   string
	}{
		{"own browser", "", "cy", true, "en"},
		{"station", "Ward 6", "cy", true, "cy"},
		{"station, nobody yet", "Ward 6", "", false, "en"},
		{"station, a person who has not chosen", "Ward 6", "", true, "en"},
	} {
		hr := httptest.NewRequest(http.MethodGet, "/me", nil)
		hr.AddCookie(&http.Cookie{Name: cookieLang, Value: "en"})
		hr.Header.Set("Accept-Language", "cy")
		r := &request{Request: hr, p: p, station: tt.station, signedIn: tt.signedIn, current: signin.Current{Person: staffkey.Person{Language: tt.persons}}}
		if got := r.lang(); got != tt.want {
			t.Errorf("%s: page in %q, want %q", tt.name, got, tt.want)
		}
	}
}
