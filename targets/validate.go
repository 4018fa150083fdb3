package targets

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signalbox/secret"
)

// Validate returns everything that is wrong with a configuration that has its
// defaults, in the order of the fields; nil if nothing is. The references in it are
// resolved with s, and those that cannot be are mistakes too.
func (c *Config) Validate(s secret.Source) []*FieldError {
	errs, _ := c.Check(s)
	return errs
}

// Check returns what Validate does, and what is only doubtful.
func (c *Config) Check(s secret.Source) (errs, warnings []*FieldError) {
	v := &Validation{Secrets: s, Dir: c.Dir}
	v.lane(c)
	c.Options.Validate(c, v)
	return v.errs, v.warnings
}

// Validation gathers what is wrong with a configuration.
type Validation struct {
	// Secrets resolves references; relative paths start in Dir.
	Secrets  secret.Source
	Dir      string
	errs     []*FieldError
	warnings []*FieldError
}

// Fail notes a mistake in the field that path leads to.
func (v *Validation) Fail(path []string, format string, args ...any) {
	v.errs = append(v.errs, &FieldError{path, fmt.Sprintf(format, args...)})
}

// Faults returns the mistakes that were noted.
func (v *Validation) Faults() []*FieldError { return v.errs }

// Warn notes what is doubtful in the field that path leads to.
func (v *Validation) Warn(path []string, format string, args ...any) {
	v.warnings = append(v.warnings, &FieldError{path, fmt.Sprintf(format, args...)})
}

// Found returns the mistakes and the doubts that were noted.
func (v *Validation) Found() (errs, warnings []*FieldError) { return v.errs, v.warnings }

// lane checks what every kind takes.
func (v *Validation) lane(c *Config) {
	r := c.Retry
	if r.MaxAttempts < 1 {
		v.Fail([]string{"retry", "max_attempts"}, "is %d: the first attempt counts, so it must be at least 1", r.MaxAttempts)
	}
	if r.MaxAge <= 0 {
		v.Fail([]string{"retry", "max_age"}, "is %s: it must be longer than 0", r.MaxAge)
	}
	if r.MinBackoff <= 0 {
		v.Fail([]string{"retry", "min_backoff"}, "is %s: it must be longer than 0", r.MinBackoff)
	}
	if r.MaxBackoff < r.MinBackoff {
		v.Fail([]string{"retry", "max_backoff"}, "is %s, less than min_backoff %s", r.MaxBackoff, r.MinBackoff)
	}
	v.retryBudget(&c.RetryBudget)
	v.breaker(&c.Breaker)
	if c.Timeout <= 0 {
		v.Fail([]string{"timeout"}, "is %s: it must be longer than 0", c.Timeout)
	}
	if c.Concurrency < 1 || c.Concurrency > maxConcurrency {
		v.Fail([]string{"concurrency"}, "is %d: it must be from 1 to %d", c.Concurrency, maxConcurrency)
	}
	if c.RateLimit.N < 0 || c.RateLimit.N > 0 && c.RateLimit.Per <= 0 {
		v.Fail([]string{"rate_limit"}, "is not a rate: write a number and a time, such as 300/s")
	}
	traits := c.Traits()
	if c.Batch != nil && !traits.Batches {
		v.Fail([]string{"batch"}, "a target of type %s takes no batches", c.Type)
	}
	v.batch(c)
	if c.Reply != "" && !traits.Replies {
		v.Fail([]string{"reply"}, "a target of type %s gives no answers that are read", c.Type)
	} else if c.Reply != "" {
		v.OneOf("reply", c.Reply, ReplyEvents, ReplyNone)
	}
	if c.Reply == ReplyEvents && c.Batch != nil {
		v.Fail([]string{"reply"}, "the answer to a batch belongs to none of its deliveries: remove batch, or reply")
	}
	for i, name := range c.Emits {
		if name == "" {
			v.Fail([]string{"emits", strconv.Itoa(i)}, "is empty: name the type of an event, or remove it")
		}
	}
	v.OneOf("synthetic", string(c.Synthetic), string(SyntheticLog), string(SyntheticDeliver), string(SyntheticDrop))
	if !traits.Forwards {
		v.OneOf("carry", c.Carry, CarryState, CarryReference, CarryVersion)
	} else if c.Carry != CarryState {
		v.Fail([]string{"carry"}, "is %q: a bus gets the event itself, which is state; let the targets of its rules ask for references", c.Carry)
	}
	switch {
	case c.OrderBy != "":
		v.OneOf("on_dead_letter", c.OnDeadLetter, OnDeadLetterContinue, OnDeadLetterStop)
	case c.OnDeadLetter != "":
		v.Fail([]string{"on_dead_letter"}, "is only for a target with order_by: add that, such as order_by: detail.orderId, or remove this line")
	}
}

const maxConcurrency = 10_000

// OneOf checks that a value is one of those allowed.
func (v *Validation) OneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.Fail([]string{field}, "is %q: it must be one of %s", value, strings.Join(allowed, ", "))
	}
}

// Expand resolves the references in the text of a field, and reports whether it could.
func (v *Validation) Expand(path []string, text string) (secret.Text, bool) {
	e, err := v.Secrets.Expand(text, v.Dir)
	if err != nil {
		v.Fail(path, "%v", err)
	}
	return e, err == nil
}
