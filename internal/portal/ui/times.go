package ui

import (
	"strconv"
	"time"
)

// when tells a time the short way: "today 07:12", "yesterday 16:40", "3 August"
// in the current year, "12 May 2026" in another.
func (l *locale) when(f *Frame, t time.Time) string {
	t, now := t.In(f.zone()), f.Now.In(f.zone())
	switch {
	case sameDay(t, now):
		return l.plain["date.today"] + " " + t.Format("15:04")
	case sameDay(t, now.AddDate(0, 0, -1)):
		return l.plain["date.yesterday"] + " " + t.Format("15:04")
	case t.Year() == now.Year():
		return l.dayMonth(t)
	}
	return l.dayMonth(t) + " " + strconv.Itoa(t.Year())
}

// on is when for the middle of a sentence: "today 07:12", "on 3 August".
func (l *locale) on(f *Frame, t time.Time) string {
	s, now := l.when(f, t), f.Now.In(f.zone())
	t = t.In(f.zone())
	if sameDay(t, now) || sameDay(t, now.AddDate(0, 0, -1)) {
		return s
	}
	return l.plain["date.on"] + " " + s
}

// date tells the day with its year: "today" or "12 May 2026".
func (l *locale) date(f *Frame, t time.Time) string {
	t = t.In(f.zone())
	if sameDay(t, f.Now.In(f.zone())) {
		return l.plain["date.today"]
	}
	return l.dayMonth(t) + " " + strconv.Itoa(t.Year())
}

// stamp tells day and time: "today 07:12", "3 August 2026, 07:12".
func (l *locale) stamp(f *Frame, t time.Time) string {
	t = t.In(f.zone())
	day := l.date(f, t)
	if sameDay(t, f.Now.In(f.zone())) {
		return day + " " + t.Format("15:04")
	}
	return day + ", " + t.Format("15:04")
}

func (l *locale) dayMonth(t time.Time) string {
	return strconv.Itoa(t.Day()) + " " + l.plain["date.month."+strconv.Itoa(int(t.Month()))]
}

// zone is the time zone of the page.
func (f *Frame) zone() *time.Location {
	if f.Location == nil {
		return time.UTC
	}
	return f.Location
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}
