package awsapi

import (
	"strings"

	"signalbox/event"
	"signalbox/rules"
)

func (a *API) arn(resource string) string {
	return "arn:aws:events:" + a.opts.Region + ":" + a.opts.Account + ":" + resource
}

func (a *API) busARN(name string) string { return a.arn("event-bus/" + name) }

// bus returns the bus that is named by its name, by its ARN, or not at all.
func (a *API) bus(set *rules.Set, given string) (rules.Bus, error) {
	name := given
	if local, account, region, ok := event.BusOfARN(given); ok {
		name = local
		if account != a.opts.Account || region != a.opts.Region {
			return rules.Bus{}, noBus(name)
		}
	}
	if name == "" {
		name = rules.DefaultBus
	}
	bus, ok := set.Buses[name]
	if !ok {
		return rules.Bus{}, noBus(name)
	}
	return bus, nil
}

func noBus(name string) error { return notFound("Event bus %s does not exist.", name) }

func noRule(bus, name string) error {
	return notFound("Rule %s does not exist on EventBus %s.", name, bus)
}

// resource is what an ARN names: a bus, or a rule on one.
type resource struct{ bus, rule string }

// resource returns what an ARN names; a rule that it names is on a bus that is there.
func (a *API) resource(set *rules.Set, arn string) (resource, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" && parts[2] == "events" {
		kind, name, _ := strings.Cut(parts[5], "/")
		here := parts[3] == a.opts.Region && parts[4] == a.opts.Account
		switch {
		case name == "":
		case kind == "event-bus" && !here:
			return resource{}, noBus(name)
		case kind == "event-bus":
			return resource{bus: name}, nil
		case kind == "rule":
			r := resource{rules.DefaultBus, name}
			if i := strings.LastIndexByte(name, '/'); i >= 0 {
				r = resource{name[:i], name[i+1:]}
			}
			if _, ok := set.Buses[r.bus]; !ok || !here {
				return r, noRule(r.bus, r.rule)
			}
			return r, nil
		}
	}
	return resource{}, invalid("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
}
