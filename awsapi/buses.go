package awsapi

import (
	"maps"
	"slices"
	"time"

	"signalbox/rules"
)

// busView is a bus in answers.
type busView struct {
	Name             string
	Arn              string
	Description      string `json:",omitempty"`
	CreationTime     seconds
	LastModifiedTime seconds
}

// seconds is a time in answers: a number of seconds since 1970.
type seconds time.Time

// MarshalJSON returns the number, with milliseconds.
func (s seconds) MarshalJSON() ([]byte, error) {
	return compact(float64(time.Time(s).UnixMilli()) / 1000), nil
}

func (a *API) busView(bus *rules.Bus) busView {
	return busView{
		Name: bus.Name, Arn: a.busARN(bus.Name), Description: bus.Description,
		CreationTime: seconds(a.opts.Since), LastModifiedTime: seconds(a.opts.Since),
	}
}

func (a *API) describeEventBus(in *struct{ Name string }) (any, error) {
	bus, err := a.bus(a.opts.Rules(), in.Name)
	if err != nil {
		return nil, err
	}
	return a.busView(&bus), nil
}

func (a *API) listEventBuses(in *struct {
	paging
	NamePrefix string
}) (any, error) {
	set := a.opts.Rules()
	name := func(name string) string { return name }
	part, next, err := page(in.paging, withPrefix(slices.Sorted(maps.Keys(set.Buses)), in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	views := make([]busView, len(part))
	for i, name := range part {
		bus := set.Buses[name]
		views[i] = a.busView(&bus)
	}
	return struct {
		EventBuses []busView
		NextToken  string `json:",omitempty"`
	}{views, next}, nil
}
