package policy

// Asked by the tests of locks alone.
var (
	CheckLocks = checkLocks
	Without    = without
)
