package signin

import (
	"staffkey"
)

// OptionsOf is in which order the methods of some enrolments are offered.
func OptionsOf(enrolments ...staffkey.Enrolment) []staffkey.MethodKind {
	h := holder{enrolments: enrolments}
	for _, e := range enrolments {
		h.holdings.Others = append(h.holdings.Others, e.Method)
	}
	return h.options()
}

// SettleBudgets waits for the blocks of budgets that are being taken.
func SettleBudgets(s *Service) {
	s.anonymous.working.Wait()
	s.devices.all.working.Wait()
}
