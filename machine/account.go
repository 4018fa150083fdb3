package machine

import (
	"errors"
	"sync/atomic"
)

// ErrMemory is the error of what would take more memory than there is for it now.
var ErrMemory = errors.New("the router's memory is in use (limits.memory): send it again a little later")

// Account counts how much of a number of bytes is in use. It is safe for concurrent use.
type Account struct {
	limit int64
	used  atomic.Int64
}

// NewAccount returns an account of limit bytes.
func NewAccount(limit int64) *Account { return &Account{limit: limit} }

// Limit returns how many bytes there are.
func (a *Account) Limit() int64 { return a.limit }

// Used returns how many bytes are in use.
func (a *Account) Used() int64 { return a.used.Load() }

// Take takes n bytes if no more than most, of the limit, are in use then. It reports
// whether it did.
func (a *Account) Take(n, most int64) bool {
	if a.used.Add(n) <= min(most, a.limit) {
		return true
	}
	a.used.Add(-n)
	return false
}

// Give returns n bytes to the account.
func (a *Account) Give(n int64) { a.used.Add(-n) }
