package router

import (
	"fmt"

	"signalbox/rules/exprenv"
)

// orderKey returns the event's ordering key for a target. The event is decoded once
// for all of its deliveries. An error means that nobody knows what the delivery
// must come after: it is not sent.
func (p *plan) orderKey(order *exprenv.OrderKey) (string, error) {
	if p.env == nil {
		env, err := exprenv.New(p.event)
		if err != nil {
			return "", fmt.Errorf("order_by: %w", err)
		}
		p.env = env
	}
	k, err := order.Of(p.env)
	if err != nil {
		return "", fmt.Errorf("order_by: %w", err)
	}
	return k, nil
}
