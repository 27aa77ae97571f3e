package signin

// SettleBudgets waits for the blocks of budgets that are being taken.
func SettleBudgets(s *Service) {
	s.anonymous.working.Wait()
	s.devices.all.working.Wait()
}
