package targets

import (
	"fmt"
	"time"
)

// Breaker is when a target's circuit opens and how it closes again. While it is
// open nothing is attempted, and deliveries wait.
type Breaker struct {
	// Off keeps the circuit closed whatever the target does; a file writes
	// breaker: off.
	Off bool `yaml:"-"`
	// Failures is how many attempts in a row must fail for the circuit to open.
	Failures int `yaml:"failures" min:"1"`
	// OpenFor is how long it stays open before the target is probed.
	OpenFor time.Duration `yaml:"open_for" above:"0s"`
	// Probes is how many attempts are under way at once while the target is probed; the first that
	// succeeds closes the circuit.
	Probes int `yaml:"probes" min:"1" max:"10000"`
}

// UnmarshalWord reads off.
func (b *Breaker) UnmarshalWord(word string) error {
	if word != "off" {
		return fmt.Errorf("is %q: write off, or a mapping with failures, open_for and probes", word)
	}
	*b = Breaker{Off: true}
	return nil
}

func (b *Breaker) setDefaults() {
	if b.Off {
		return
	}
	SetDefault(&b.Failures, 10)
	SetDefault(&b.OpenFor, 5*time.Second)
	SetDefault(&b.Probes, 1)
}

// RetryBudget bounds the share of repeated attempts among all attempts at a
// target. A retry that it does not allow yet waits longer.
type RetryBudget struct {
	// Off sets no bound; a file writes retry_budget: off.
	Off bool `yaml:"-"`
	// Ratio is how many retries each first attempt allows.
	Ratio float64 `yaml:"ratio" above:"0" max:"10"`
	// MinRate is how many retries are allowed whatever the first attempts.
	MinRate Rate `yaml:"min_rate"`
}

// UnmarshalWord reads off.
func (b *RetryBudget) UnmarshalWord(word string) error {
	if word != "off" {
		return fmt.Errorf("is %q: write off, or a mapping with ratio and min_rate", word)
	}
	*b = RetryBudget{Off: true}
	return nil
}

func (b *RetryBudget) setDefaults() {
	if b.Off {
		return
	}
	SetDefault(&b.Ratio, 0.2)
	SetDefault(&b.MinRate, Rate{N: 10, Per: time.Second})
}

func (v *Validation) breaker(b *Breaker) {
	if b.Off {
		return
	}
	if b.Failures < 1 {
		v.Fail([]string{"breaker", "failures"}, "is %d: it must be at least 1; breaker: off never opens the circuit", b.Failures)
	}
	if b.OpenFor <= 0 {
		v.Fail([]string{"breaker", "open_for"}, "is %s: it must be longer than 0", b.OpenFor)
	}
	if b.Probes < 1 || b.Probes > maxConcurrency {
		v.Fail([]string{"breaker", "probes"}, "is %d: it must be from 1 to %d", b.Probes, maxConcurrency)
	}
}

func (v *Validation) retryBudget(b *RetryBudget) {
	if b.Off {
		return
	}
	if b.Ratio <= 0 || b.Ratio > 10 {
		v.Fail([]string{"retry_budget", "ratio"}, "is %v: it must be more than 0 and at most 10; 0.2 is one retry for five first attempts", b.Ratio)
	}
	if b.MinRate.N < 1 || b.MinRate.Per <= 0 {
		v.Fail([]string{"retry_budget", "min_rate"}, "is not a rate: write a number and a time, such as 10/s")
	}
}
