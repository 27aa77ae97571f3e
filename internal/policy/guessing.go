package policy

import "staffkey"

// Answers are the wrong answers in a row to a method, the one at hand included.
type Answers struct {
	// Strangers were given where anybody can, Own in places of the person's own.
	Strangers, Own int
	// Shared says that part of what may be answered is kept for places of the person's own: whoever knows the name can try, and there may
	// be such places.
	Shared bool
	// FromOwn says that the one at hand is from such a place.
	FromOwn bool
}

// AnswerVerdict says what is done with an answer.
type AnswerVerdict int

// What is done with an answer.
const (
	AnswerLookedAt AnswerVerdict = iota
	// AnswerOfStranger is not looked at, because strangers have used up their share; one from a place of the person's own would be.
	AnswerOfStranger
	// AnswerTooLate is not looked at: the method is switched off.
	AnswerTooLate
)

// JudgeAnswer says whether an answer is looked at (NIST SP 800-63B-4 §3.2.2: no more than 100 wrong ones in a row are).
func JudgeAnswer(a Answers) AnswerVerdict {
	looked := a.Strangers
	if a.Shared {
		looked = min(looked, staffkey.StrangersShare)
		if !a.FromOwn && a.Strangers > staffkey.StrangersShare {
			return AnswerOfStranger
		}
	}
	if looked+a.Own > staffkey.MaxFailures {
		return AnswerTooLate
	}
	return AnswerLookedAt
}
