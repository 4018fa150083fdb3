package awsapi

import "signalbox/rules"

// tagged returns the tags of a rule or a bus that an ARN names.
func (a *API) tagged(set *rules.Set, arn string) ([]tag, error) {
	of, err := a.resource(arn)
	if err != nil {
		return nil, err
	}
	if of.rule == "" {
		_, err := a.bus(set, of.bus)
		return nil, err
	}
	if _, ok := set.Buses[of.bus]; !ok {
		return nil, noRule(of.bus, of.rule)
	}
	d, err := a.known(set, of.rule, of.bus)
	if err != nil {
		return nil, err
	}
	return d.Tags, nil
}

func (a *API) listTagsForResource(in *struct{ ResourceARN string }) (any, error) {
	tags, err := a.tagged(a.opts.Rules(), in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return struct{ Tags []tag }{orNone(tags)}, nil
}
