package journal

import (
	"errors"
	"fmt"
)

// Forward makes a delivery that of a dead letter to the target that its rule names for them. It is
// fixed when the letter dies.
type Forward struct {
	// Of is the id of the delivery that died, and Round how often that had been redriven.
	Of    string `json:"of"`
	Round int    `json:"round,omitempty"`
	// Replay is the name of the replay that planned it; empty for none.
	Replay string `json:"replay,omitempty"`
	// The others are what EventBridge tells of a dead letter. Condition is empty where the fault
	// was permanent; Retries do not include the first attempt.
	RuleARN   string `json:"rule_arn"`
	TargetARN string `json:"target_arn"`
	Code      string `json:"error_code"`
	Message   string `json:"error_message"`
	Condition string `json:"exhausted_retry_condition,omitempty"`
	Retries   int    `json:"retry_attempts"`
}

// FirstForwarded is the least number of a delivery of a dead letter. Those that were planned when the
// event was accepted are below, those of replays from FirstReplayed on.
const FirstForwarded = 1 << 14

// NumberOfForward returns the number that the delivery of a dead letter gets if it is free.
func NumberOfForward(dead uint16) uint16 { return FirstForwarded | dead%FirstForwarded }

// NextForward returns the number to try behind one that is taken.
func NextForward(n uint16) uint16 { return NumberOfForward(n + 1) }

// Unended reports whether the record of a delivery says that it has not ended.
func (t *Traces) Unended(s Seq, n uint16) (bool, error) {
	v, err := value(t.db, AppendTouchKey(nil, s, n))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("touch %d/%d: %w", s, n, err)
	}
	touch, err := readTouch(s, n, v)
	return !touch.State.ended(), err
}
