package ui

import (
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	london := time.FixedZone("BST", 3600)
	f := &Frame{Now: time.Date(2026, time.August, 4, 8, 0, 0, 0, time.UTC), Location: london}
	tests := []struct {
		name                  string
		at                    time.Time
		when, on, date, stamp string
	}{
		{"this morning", time.Date(2026, time.August, 4, 6, 12, 0, 0, time.UTC), "today 07:12", "today 07:12", "today", "today 07:12"},
		{"after midnight in the zone of the page", time.Date(2026, time.August, 3, 23, 30, 0, 0, time.UTC), "today 00:30", "today 00:30", "today", "today 00:30"},
		{"yesterday", time.Date(2026, time.August, 3, 15, 40, 0, 0, time.UTC), "yesterday 16:40", "yesterday 16:40", "3 August 2026", "3 August 2026, 16:40"},
		{"this year", time.Date(2026, time.May, 12, 9, 0, 0, 0, time.UTC), "12 May", "on 12 May", "12 May 2026", "12 May 2026, 10:00"},
		{"another year", time.Date(2025, time.May, 12, 9, 0, 0, 0, time.UTC), "12 May 2025", "on 12 May 2025", "12 May 2025", "12 May 2025, 10:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := u.locale("en")
			for _, c := range []struct{ form, got, want string }{
				{"when", l.when(f, tt.at), tt.when}, {"on", l.on(f, tt.at), tt.on},
				{"date", l.date(f, tt.at), tt.date}, {"stamp", l.stamp(f, tt.at), tt.stamp},
			} {
				if c.got != c.want {
					t.Errorf("%s is %q, want %q", c.form, c.got, c.want)
				}
			}
		})
	}
}

func TestTimesInWelsh(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	f := &Frame{Now: time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)}
	l := u.locale("cy")
	morning, day := time.Date(2026, time.November, 23, 7, 12, 0, 0, time.UTC), time.Date(2026, time.February, 3, 9, 30, 0, 0, time.UTC)
	for _, c := range []struct{ form, got, want string }{
		{"when today", l.when(f, morning), "heddiw 07:12"},
		{"when yesterday", l.when(f, morning.AddDate(0, 0, -1)), "ddoe 07:12"},
		{"when this year", l.when(f, day), "3 Chwefror"},
		{"on", l.on(f, day), "ar 3 Chwefror"},
		{"date", l.date(f, day), "3 Chwefror 2026"},
		{"stamp", l.stamp(f, day), "3 Chwefror 2026, 09:30"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.form, c.got, c.want)
		}
	}
}
