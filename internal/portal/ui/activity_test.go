package ui

import (
	"testing"
	"time"
)

// Activity is grouped by the page's day, and what repeats itself in a row is one row: nothing else is folded.
func TestDays(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	v := &view{F: &Frame{Location: london}}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, time.July, day, hour, minute, 0, 0, time.UTC)
	}
	refused, in := Text{ID: "activity.signin.refused"}, Text{ID: "activity.signin.key", Args: map[string]any{"Nickname": "Blue"}}
	other := Text{ID: "activity.signin.key", Args: map[string]any{"Nickname": "Spare"}}
	days := v.Days([]ActivityItem{
		{ID: "1", At: at(3, 22, 59), Sentence: in, Where: "Edge"},
		{ID: "2", At: at(3, 12, 0), Sentence: other, Where: "Edge"},
		{ID: "3", At: at(3, 11, 0), Sentence: refused, Where: "Edge", Result: "refused"},
		{ID: "4", At: at(3, 10, 0), Sentence: refused, Where: "Edge", Result: "refused"},
		{ID: "5", At: at(3, 9, 0), Sentence: refused, Where: "Edge", Result: "refused"},
		{ID: "6", At: at(3, 8, 0), Sentence: refused, Where: "Firefox", Result: "refused"},
		{ID: "7", At: at(2, 23, 30), Sentence: refused, Where: "Firefox", Result: "refused"}, // 3 July in London
		{ID: "8", At: at(2, 12, 0), Sentence: refused, Where: "Firefox", Result: "refused"},
	})
	if len(days) != 2 || len(days[0].Items) != 4 || len(days[1].Items) != 1 {
		t.Fatalf("got %d days: %+v", len(days), days)
	}
	if got := days[0].Items[2]; got.ID != "3" || got.Times != 3 || !got.First.Equal(at(3, 9, 0)) {
		t.Errorf("three refusals in a row: %+v, want the newest, three times since 9:00", got)
	}
	if got := days[0].Items[3]; got.ID != "6" || got.Times != 2 || !got.First.Equal(at(2, 23, 30)) {
		t.Errorf("two from elsewhere, one of them before midnight in UTC: %+v", got)
	}
	if got := days[0].Items[0]; got.Times != 0 {
		t.Errorf("a sign-in that happened once: %+v", got)
	}
	if got := days[1].Items[0]; got.ID != "8" {
		t.Errorf("the day before: %+v", got)
	}
}
