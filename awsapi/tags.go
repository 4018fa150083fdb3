package awsapi

import (
	"slices"

	"signalbox/rules"
)

// distinct returns an error where two tags have one key.
func distinct(tags []tag) error {
	for i, t := range tags {
		if slices.ContainsFunc(tags[:i], func(other tag) bool { return other.Key == t.Key }) {
			return invalid("Invalid parameter: Duplicated keys are not allowed.")
		}
	}
	return nil
}

// tagged returns the tags of a rule or a bus that an ARN names.
func (a *API) tagged(set *rules.Set, arn string) ([]tag, error) {
	of, err := a.resource(set, arn)
	if err != nil {
		return nil, err
	}
	if of.rule != "" {
		d, err := a.known(set, of.rule, of.bus)
		if err != nil {
			return nil, err
		}
		return d.Tags, nil
	}
	found, err := a.bus(set, of.bus)
	if err != nil {
		return nil, err
	}
	b, _, err := a.ofBus(&found)
	return b.Tags, err
}

func (a *API) listTagsForResource(in *struct{ ResourceARN string }) (any, error) {
	tags, err := a.tagged(a.opts.Rules(), in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return struct{ Tags []tag }{orNone(tags)}, nil
}

// retag changes the tags of a rule or a bus that an ARN names.
func (a *API) retag(arn string, change func(tags []tag) []tag) (any, error) {
	of, err := a.resource(a.opts.Rules(), arn)
	if err != nil {
		return nil, err
	}
	if of.rule == "" {
		_, err = a.changeBus(of.bus, func(b *bus) { b.Tags = change(b.Tags) })
	} else {
		err = a.changed(of.rule, of.bus, func(d *ruleDocument) error {
			d.Tags = change(d.Tags)
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

func (a *API) tagResource(in *struct {
	ResourceARN string
	Tags        []tag
}) (any, error) {
	if err := distinct(in.Tags); err != nil {
		return nil, err
	}
	return a.retag(in.ResourceARN, func(tags []tag) []tag {
		for _, t := range in.Tags {
			if i := slices.IndexFunc(tags, func(other tag) bool { return other.Key == t.Key }); i >= 0 {
				tags[i] = t
			} else {
				tags = append(tags, t)
			}
		}
		return tags
	})
}

func (a *API) untagResource(in *struct {
	ResourceARN string
	TagKeys     []string
}) (any, error) {
	return a.retag(in.ResourceARN, func(tags []tag) []tag {
		return slices.DeleteFunc(tags, func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	})
}
