package signin

import (
	"context"
	"sync"
	"time"

	"staffkey/internal/store"
)

// sharedBudget bounds what visitors, whom nobody knows, can have stored in a minute, over all nodes together. A node takes a block of it from
// the database at a time and uses that up in memory, so that what is refused costs no write, and what is granted hardly any. Nobody
// waits for a block: while one is being taken, a node lives on credit, which is paid back from the blocks that come; what is left of one
// stays for later. So a minute may see up to the credit of each node more, and in the long run there is no more.
type sharedBudget struct {
	store *store.Store
	// name is that of its counter; block how many are taken at once; blocks how many there are in a minute.
	name          string
	block, blocks int

	mu      sync.Mutex
	left    int       // below 0 on credit
	spentIn time.Time // the minute in which there were no more
	taking  bool
	working sync.WaitGroup // while a block is being taken
}

// creditBlocks is for how many blocks a node has credit: for as many as come at once, while the database answers.
const creditBlocks = 2

// takeWait bounds taking a block.
const takeWait = 10 * time.Second

func newSharedBudget(s *store.Store, name string, block, blocks int) *sharedBudget {
	return &sharedBudget{store: s, name: name, block: block, blocks: blocks}
}

// take uses one and reports whether there was one. It never waits: whether a name is known must not show in the time.
func (b *sharedBudget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	minute := now.Truncate(time.Minute)
	spent := minute.Equal(b.spentIn)
	granted := b.left > 0 || !spent && b.left > -creditBlocks*b.block
	if granted {
		b.left--
	}
	if b.left < b.block/2 && !spent && !b.taking {
		b.taking = true
		b.working.Go(func() { b.takeBlock(minute) })
	}
	return granted
}

// spent reports whether there are no more in this minute.
func (b *sharedBudget) spent(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left <= 0 && now.Truncate(time.Minute).Equal(b.spentIn)
}

// takeBlock takes a block. What goes wrong is tried again by the next that wants one.
func (b *sharedBudget) takeBlock(minute time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), takeWait)
	defer cancel()
	var ok bool
	err := b.store.Housekeep(ctx, func(tx *store.Tx) error {
		var err error
		ok, err = tx.CountWithin("budget/"+b.name, b.blocks, tx.Now.Truncate(time.Minute).Add(time.Minute))
		return err
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taking = false
	switch {
	case err != nil:
	case ok:
		b.left += b.block
	default:
		b.spentIn = minute
	}
}

// Refusals and outcomes that concern nobody known, or come too fast, are recorded up to here: far above what a federation's mistakes make,
// and far below what a flood would. What is over it is counted in the metrics only.
const (
	anonymousBlock  = 50
	anonymousBlocks = 6
)
