package template

import (
	"signalbox/rules/exprenv"
	"signalbox/targets"
)

// KeyOf returns the ordering key of a delivery; empty is none, as without an expression. Its error
// is an *Error.
func KeyOf(d *targets.Delivery, key *exprenv.OrderKey) (string, error) {
	if key == nil {
		return "", nil
	}
	env, err := EnvOf(d)
	if err != nil {
		return "", err
	}
	k, err := key.Of(env)
	if err != nil {
		return "", Unfit("key", err)
	}
	return k, nil
}
