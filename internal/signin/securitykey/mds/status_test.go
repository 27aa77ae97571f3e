package mds

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey/internal/signin/securitykey/mds/mdstest"

	"github.com/google/go-cmp/cmp"
)

// said reads reports as they stand in these tests: "STATUS since-date until-date @firmware", all but the status optional, a date
// that is not told as "-".
func said(t *testing.T, lines ...string) []mdstest.Report {
	t.Helper()
	reports := []mdstest.Report{}
	for _, line := range lines {
		var r mdstest.Report
		for i, word := range strings.Fields(line) {
			version, isVersion := strings.CutPrefix(word, "@")
			switch {
			case isVersion:
				for _, c := range version {
					r.Firmware = r.Firmware*10 + uint64(c-'0')
				}
			case i == 0:
				r.Status = word
			case i == 1:
				r.Since = strings.Trim(word, "-")
			default:
				r.Until = word
			}
		}
		reports = append(reports, r)
	}
	return reports
}

func entryOf(t *testing.T, m mdstest.Model) *Entry {
	t.Helper()
	m.AAGUID = aaguidA
	p := payload(t, m)
	e, ok := p.Find(aaguidA)
	if !ok {
		t.Fatalf("not found; skipped %+v", p.Skipped)
	}
	return e
}

func TestEntry_Level(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		reports  []string
		firmware uint64
		want     Level
	}{
		{"nothing was said", nil, 0, LevelNone},
		{"not certified", []string{"NOT_FIDO_CERTIFIED"}, 0, LevelNone},
		{"by its maker's word", []string{"SELF_ASSERTION_SUBMITTED 2020-01-01"}, 0, LevelNone},
		{"in the old way", []string{"FIDO_CERTIFIED 2016-01-01"}, 0, L1},
		{"L1", []string{"FIDO_CERTIFIED_L1 2020-01-01"}, 0, L1},
		{"L1+", []string{"FIDO_CERTIFIED_L1plus 2020-01-01"}, 0, L1Plus},
		{"L2", []string{"FIDO_CERTIFIED_L2 2020-01-01"}, 0, L2},
		{"L2+", []string{"FIDO_CERTIFIED_L2plus 2020-01-01"}, 0, L2Plus},
		{"L3", []string{"FIDO_CERTIFIED_L3 2020-01-01"}, 0, L3},
		{"L3+", []string{"FIDO_CERTIFIED_L3plus 2020-01-01"}, 0, L3Plus},
		{"a level of other letters is unknown", []string{"FIDO_CERTIFIED_L3PLUS 2020-01-01"}, 0, LevelNone},
		{"a level that is unheard of", []string{"FIDO_CERTIFIED_L1 2020-01-01", "FIDO_CERTIFIED_L9 2021-01-01"}, 0, L1},
		{"the highest counts", []string{"FIDO_CERTIFIED_L2 2020-01-01", "FIDO_CERTIFIED_L1 2021-01-01"}, 0, L2},
		{"from the day on", []string{"FIDO_CERTIFIED_L1 2020-01-01", "FIDO_CERTIFIED_L2 2026-11-23"}, 0, L2},
		{"not before the day", []string{"FIDO_CERTIFIED_L1 2020-01-01", "FIDO_CERTIFIED_L2 2026-11-24"}, 0, L1},
		{"not from its sunset on", []string{"FIDO_CERTIFIED_L1 2020-01-01", "FIDO_CERTIFIED_L2 2021-01-01 2026-11-23"}, 0, L1},
		{"until its sunset", []string{"FIDO_CERTIFIED_L2 2021-01-01 2026-11-24"}, 0, L2},
		{"revoked since", []string{"FIDO_CERTIFIED_L2 2020-01-01", "REVOKED 2021-01-01"}, 0, LevelNone},
		{"revoked since, listed first", []string{"REVOKED 2021-01-01", "FIDO_CERTIFIED_L2 2020-01-01"}, 0, LevelNone},
		{"revoked since, without dates", []string{"FIDO_CERTIFIED_L2", "REVOKED"}, 0, LevelNone},
		{"revoked without a date behind one with", []string{"FIDO_CERTIFIED_L2 2020-01-01", "REVOKED"}, 0, LevelNone},
		{"no longer certified", []string{"FIDO_CERTIFIED_L2 2020-01-01", "NOT_FIDO_CERTIFIED 2021-01-01"}, 0, LevelNone},
		{"revoked in future", []string{"FIDO_CERTIFIED_L2 2020-01-01", "REVOKED 2027-01-01"}, 0, L2},
		{"certified again", []string{"FIDO_CERTIFIED_L2 2020-01-01", "REVOKED 2021-01-01", "FIDO_CERTIFIED_L1 2022-01-01"}, 0, L1},
		{"a flaw undoes nothing", []string{"FIDO_CERTIFIED_L2 2020-01-01", "USER_KEY_PHYSICAL_COMPROMISE 2021-01-01"}, 0, L2},
		{"firmware as certified", []string{"FIDO_CERTIFIED_L1 2020-01-01 @5", "FIDO_CERTIFIED_L2 2021-01-01 @7"}, 7, L2},
		{"firmware after", []string{"FIDO_CERTIFIED_L1 2020-01-01 @5", "FIDO_CERTIFIED_L2 2021-01-01 @7"}, 8, L2},
		{"firmware before", []string{"FIDO_CERTIFIED_L1 2020-01-01 @5", "FIDO_CERTIFIED_L2 2021-01-01 @7"}, 6, L1},
		{"firmware before all", []string{"FIDO_CERTIFIED_L1 2020-01-01 @5"}, 4, LevelNone},
		{"firmware not known", []string{"FIDO_CERTIFIED_L1 2020-01-01 @5", "FIDO_CERTIFIED_L2 2021-01-01 @7"}, 0, L2},
		{"FIPS is something else", []string{"FIPS140_CERTIFIED_L3 2020-01-01"}, 0, LevelNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := entryOf(t, mdstest.Model{Reports: said(t, test.reports...)})
			if got := e.Level(now, Key{Firmware: test.firmware}); got != test.want {
				t.Errorf("got level %q, want %q", got, test.want)
			}
		})
	}
}

func TestEntry_FIPS(t *testing.T) {
	t.Parallel()
	e := entryOf(t, mdstest.Model{Reports: said(t, "FIDO_CERTIFIED_L3 2020-01-01", "FIPS140_CERTIFIED_L2 2020-01-01", "FIPS140_CERTIFIED_L3 2022-01-01 2026-01-01")})
	for at, want := range map[string]int{"2019-12-31": 0, "2020-01-01": 2, "2022-01-01": 3, "2025-12-31": 3, "2026-01-01": 2} {
		day, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.FIPS(day, Key{}); got != want {
			t.Errorf("on %s: got level %d, want %d", at, got, want)
		}
	}
}

func TestLevel_String(t *testing.T) {
	t.Parallel()
	var got []string
	for l := LevelNone - 1; l <= L3Plus+1; l++ {
		got = append(got, l.String())
	}
	if diff := cmp.Diff([]string{"", "", "L1", "L1+", "L2", "L2+", "L3", "L3+", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEntry_Warnings(t *testing.T) {
	t.Parallel()
	const (
		bypass   = "USER_VERIFICATION_BYPASS"
		remote   = "USER_KEY_REMOTE_COMPROMISE"
		physical = "USER_KEY_PHYSICAL_COMPROMISE"
		attested = "ATTESTATION_KEY_COMPROMISE"
		update   = "UPDATE_AVAILABLE"
	)
	for _, test := range []struct {
		name      string
		reports   []string
		statement uint64
		firmware  uint64
		want      []string
	}{
		{"nothing was said", nil, 0, 0, nil},
		{"certified", []string{"FIDO_CERTIFIED_L1 2020-01-01"}, 0, 0, nil},
		{"not certified is no warning", []string{"NOT_FIDO_CERTIFIED"}, 0, 0, nil},
		{"a status that is unheard of", []string{"EATEN_BY_DOG 2020-01-01"}, 0, 0, nil},
		{"revoked", []string{"REVOKED 2020-01-01"}, 0, 0, []string{"REVOKED"}},
		{"retired", []string{"RETIRED 2020-01-01"}, 0, 0, []string{"RETIRED"}},
		{"revoked, of a firmware", []string{"REVOKED 2020-01-01 @5"}, 0, 4, []string{"REVOKED"}},
		{"revoked, from today", []string{"REVOKED 2026-11-23"}, 0, 0, []string{"REVOKED"}},
		{"revoked, from tomorrow", []string{"REVOKED 2026-11-24"}, 0, 0, nil},
		{"revoked, until today", []string{"REVOKED 2020-01-01 2026-11-23"}, 0, 0, nil},
		{"revoked, without a date", []string{"REVOKED"}, 0, 0, []string{"REVOKED"}},
		{"revoked, and certified since", []string{"REVOKED 2020-01-01", "FIDO_CERTIFIED_L1 2021-01-01"}, 0, 0, []string{"REVOKED"}},
		{"revoked, and updated since", []string{"REVOKED 2020-01-01", update + " 2021-01-01 @7"}, 7, 7, []string{"REVOKED"}},
		{"all of them, oldest first", []string{physical + " 2024-01-01", bypass + " 2021-01-01", attested + " 2023-01-01", remote + " 2022-01-01"}, 0, 0, []string{bypass, remote, attested, physical}},
		{"firmware not known", []string{bypass + " 2021-01-01 @5"}, 0, 0, []string{bypass}},
		{"firmware lower than the lowest affected", []string{bypass + " 2021-01-01 @5"}, 0, 4, nil},
		{"firmware the lowest affected", []string{bypass + " 2021-01-01 @5"}, 0, 5, []string{bypass}},
		{"firmware higher than the lowest affected", []string{bypass + " 2021-01-01 @5"}, 0, 6, []string{bypass}},
		{"firmware of a report without one", []string{remote + " 2021-01-01"}, 0, 6, []string{remote}},
		{"an update, and the firmware not known", []string{bypass + " 2021-01-01 @5", update + " 2022-01-01 @7"}, 7, 0, []string{bypass, update}},
		{"an update that the key lacks", []string{physical + " 2021-01-01 @5", update + " 2022-01-01 @7"}, 7, 6, []string{physical, update}},
		{"an update, and firmware from before the flaw was known", []string{remote + " 2021-01-01 @5", update + " 2022-01-01 @7"}, 7, 4, []string{remote, update}},
		{"an update that the key has", []string{bypass + " 2021-01-01 @5", remote + " 2021-01-01", physical + " 2021-01-01", update + " 2022-01-01 @7"}, 7, 7, nil},
		{"more than the update", []string{bypass + " 2021-01-01 @5", update + " 2022-01-01 @7"}, 7, 8, nil},
		{"an update from before the flaw", []string{update + " 2020-01-01 @7", bypass + " 2021-01-01"}, 7, 7, []string{bypass}},
		{"an update from before the flaw, listed behind", []string{bypass + " 2021-01-01", update + " 2020-01-01 @7"}, 7, 7, []string{bypass}},
		{"an update of tomorrow", []string{bypass + " 2021-01-01", update + " 2026-11-24 @7"}, 7, 7, []string{bypass}},
		{"an update for which the statement knows better", []string{bypass + " 2021-01-01", update + " 2022-01-01 @7"}, 9, 8, []string{bypass, update}},
		{"an update that only the statement numbers", []string{bypass + " 2021-01-01", update + " 2022-01-01"}, 7, 7, nil},
		{"an update without a number", []string{bypass + " 2021-01-01", update + " 2022-01-01"}, 0, 7, []string{bypass, update}},
		{"a flaw between two updates", []string{update + " 2020-01-01 @6", bypass + " 2021-01-01", update + " 2022-01-01 @7"}, 7, 7, nil},
		{"a leaked attestation key and an update", []string{attested + " 2021-01-01 @5", update + " 2022-01-01 @7"}, 7, 7, []string{attested}},
		{"a leaked attestation key and lower firmware", []string{attested + " 2021-01-01 @5"}, 0, 4, []string{attested}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := entryOf(t, mdstest.Model{Firmware: test.statement, Reports: said(t, test.reports...)})
			var got []string
			for _, r := range e.Warnings(now, Key{Firmware: test.firmware}) {
				got = append(got, string(r.Status))
				if r.Status.Mild() != (r.Status == update) {
					t.Errorf("%s is mild: %v", r.Status, r.Status.Mild())
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntry_Warnings_of_a_leaked_attestation_key(t *testing.T) {
	t.Parallel()
	root, key := mdstest.AttestationRoot(t, "Leaked", now)
	_, namesake := mdstest.AttestationRoot(t, "Leaked", now) // the same names, another key
	other, otherKey := mdstest.AttestationRoot(t, "Kept", now)
	report := func(change func(*mdstest.Report)) []mdstest.Report {
		r := mdstest.Report{Status: "ATTESTATION_KEY_COMPROMISE", Since: "2024-01-01"}
		change(&r)
		return []mdstest.Report{r}
	}
	ofRoot := report(func(r *mdstest.Report) { r.Certificate = mdstest.Base64(root) })
	for name, test := range map[string]struct {
		reports []mdstest.Report
		chain   []*x509.Certificate
		want    bool
	}{
		"root, chain without it":            {ofRoot, []*x509.Certificate{key}, true},
		"root, chain with it":               {ofRoot, []*x509.Certificate{key, root}, true},
		"root, chain of another":            {ofRoot, []*x509.Certificate{otherKey, other}, false},
		"root, chain of a namesake":         {ofRoot, []*x509.Certificate{namesake}, false},
		"root, chain not known":             {ofRoot, nil, true},
		"batch, chain of it":                {report(func(r *mdstest.Report) { r.Batch = mdstest.Base64(key) }), []*x509.Certificate{key}, true},
		"batch, chain of another":           {report(func(r *mdstest.Report) { r.Batch = mdstest.Base64(key) }), []*x509.Certificate{otherKey}, false},
		"none named":                        {report(func(*mdstest.Report) {}), []*x509.Certificate{otherKey}, true},
		"one named that cannot be read":     {report(func(r *mdstest.Report) { r.Certificate = "AAAA" }), []*x509.Certificate{otherKey}, true},
		"two named, of which one is not it": {report(func(r *mdstest.Report) { r.Certificate, r.Batch = mdstest.Base64(other), mdstest.Base64(key) }), []*x509.Certificate{key}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entryOf(t, mdstest.Model{Reports: test.reports})
			got := slices.ContainsFunc(e.Warnings(now, Key{Chain: test.chain}), func(r StatusReport) bool { return r.Status == AttestationKeyCompromise })
			if got != test.want {
				t.Errorf("concerned: got %v, want %v", got, test.want)
			}
		})
	}
}
