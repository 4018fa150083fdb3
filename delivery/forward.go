package delivery

import (
	"cmp"
	"strconv"

	"signalbox/journal"
	"signalbox/targets"
)

// DeadLetterTarget is what gets the dead letters of a target entry too, beside the dead-letter queue.
type DeadLetterTarget struct {
	Lane journal.LaneID
	// RuleARN and TargetARN name the entry's rule and target.
	RuleARN, TargetARN string
}

// Forward returns the delivery of a dead letter to the target that its entry names for them; nil
// where it names none. A letter that is of such a delivery goes nowhere else. bus is that of the event.
func (p *Policies) Forward(bus string, dead *journal.Delivery) *journal.Delivery {
	to, ok := p.DeadLetters[Entry{cmp.Or(dead.Bus, bus), dead.Rule, dead.RuleTarget}]
	if !ok || dead.Forward != nil {
		return nil
	}
	f := &journal.Forward{
		Of: dead.ID(bus), Replay: dead.ReplayName(), RuleARN: to.RuleARN, TargetARN: to.TargetARN,
		Code: dead.Death.Code, Message: dead.Death.Message, Condition: dead.Death.Condition, Retries: dead.Retries(),
	}
	if dead.Lineage != nil {
		f.Round = dead.Lineage.Count
	}
	return &journal.Delivery{
		Seq: dead.Seq, N: journal.NumberOfForward(dead.N), Lane: to.Lane, State: journal.Ready, Since: dead.Death.At,
		Rule: dead.Rule, RuleTarget: dead.RuleTarget, Bus: dead.Bus, Body: dead.Body, Notice: dead.Notice, Forward: f,
	}
}

// attributesOf are what EventBridge sends with a dead letter.
func attributesOf(f *journal.Forward) []targets.Attribute {
	if f == nil {
		return nil
	}
	all := []targets.Attribute{
		{Name: "RULE_ARN", Value: f.RuleARN}, {Name: "TARGET_ARN", Value: f.TargetARN},
		{Name: "ERROR_CODE", Value: f.Code}, {Name: "ERROR_MESSAGE", Value: f.Message},
		{Name: "RETRY_ATTEMPTS", Value: strconv.Itoa(f.Retries)},
	}
	if f.Condition != "" {
		all = append(all, targets.Attribute{Name: "EXHAUSTED_RETRY_CONDITION", Value: f.Condition})
	}
	return all
}
