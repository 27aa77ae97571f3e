package policy_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/policy"
)

// NIST SP 800-63B-4 §3.2.2: a hundred wrong answers in a row and no more are looked at, of which strangers cannot use all.
func TestJudgeAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		a    policy.Answers
		want policy.AnswerVerdict
	}{
		{"the first", policy.Answers{Strangers: 1}, policy.AnswerLookedAt},
		{"the hundredth", policy.Answers{Strangers: 100}, policy.AnswerLookedAt},
		{"one more", policy.Answers{Strangers: 101}, policy.AnswerTooLate},
		{"the last of strangers", policy.Answers{Strangers: 80, Shared: true}, policy.AnswerLookedAt},
		{"one more of strangers", policy.Answers{Strangers: 81, Shared: true}, policy.AnswerOfStranger},
		{"of strangers who go on for ever", policy.Answers{Strangers: 100_000, Shared: true}, policy.AnswerOfStranger},
		{"the owner's first after them", policy.Answers{Strangers: 100_000, Own: 1, Shared: true, FromOwn: true}, policy.AnswerLookedAt},
		{"the owner's last after them", policy.Answers{Strangers: 100_000, Own: 20, Shared: true, FromOwn: true}, policy.AnswerLookedAt},
		{"one more of the owner", policy.Answers{Strangers: 100_000, Own: 21, Shared: true, FromOwn: true}, policy.AnswerTooLate},
		{"all by the owner", policy.Answers{Own: 100, Shared: true, FromOwn: true}, policy.AnswerLookedAt},
		{"one more than all by the owner", policy.Answers{Own: 101, Shared: true, FromOwn: true}, policy.AnswerTooLate},
		{"strangers after many of the owner", policy.Answers{Strangers: 71, Own: 30, Shared: true}, policy.AnswerTooLate},
	} {
		if got := policy.JudgeAnswer(test.a); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if staffkey.StrangersShare >= staffkey.MaxFailures {
		t.Error("nothing is kept for the owner")
	}
}
