package awsapi

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"signalbox/rules"
)

// busDocument is a bus of the API, or what was said of the default one. Its JSON is a rule file.
type busDocument struct{ EventBuses [1]bus }

// bus is a bus as the API tells of it.
type bus struct {
	Name             string
	Description      string          `json:",omitempty"`
	KmsKeyIdentifier string          `json:",omitempty"`
	DeadLetterConfig json.RawMessage `json:",omitempty"`
	LogConfig        json.RawMessage `json:",omitempty"`
	// Policy is what PutPermission has said, in JSON.
	Policy           string `json:",omitempty"`
	Tags             []tag  `json:",omitempty"`
	CreationTime     seconds
	LastModifiedTime seconds
	// Invocation is of the request that made it.
	Invocation string `json:",omitempty"`
}

// seconds is a time in answers and documents: a number of seconds since 1970.
type seconds float64

func secondsOf(t time.Time) seconds { return seconds(float64(t.UnixMilli()) / 1000) }

// ofBus returns a bus that is there as the API tells of it. The API owns it where owned is true; the
// default bus has no owner.
func (a *API) ofBus(b *rules.Bus) (out bus, owned bool, err error) {
	var d busDocument
	owned, err = a.opts.Documents.read(busPath(b.Name), &d)
	if owned {
		return d.EventBuses[0], true, err
	}
	since := secondsOf(a.opts.Since)
	return bus{Name: b.Name, Description: b.Description, CreationTime: since, LastModifiedTime: since}, b.Name == rules.DefaultBus, err
}

// busView is a bus in a listing.
type busView struct {
	Name, Arn        string
	Description      string `json:",omitempty"`
	CreationTime     seconds
	LastModifiedTime seconds
}

func (a *API) describeEventBus(in *struct{ Name string }) (any, error) {
	found, err := a.bus(a.opts.Rules(), in.Name)
	if err != nil {
		return nil, err
	}
	b, _, err := a.ofBus(&found)
	return struct {
		Name, Arn        string
		Description      string          `json:",omitempty"`
		KmsKeyIdentifier string          `json:",omitempty"`
		DeadLetterConfig json.RawMessage `json:",omitempty"`
		LogConfig        json.RawMessage `json:",omitempty"`
		Policy           string          `json:",omitempty"`
		CreationTime     seconds
		LastModifiedTime seconds
	}{b.Name, a.busARN(b.Name), b.Description, b.KmsKeyIdentifier, b.DeadLetterConfig, b.LogConfig, b.Policy, b.CreationTime, b.LastModifiedTime}, err
}

func (a *API) listEventBuses(in *struct {
	paging
	NamePrefix string
}) (any, error) {
	set := a.opts.Rules()
	name := func(name string) string { return name }
	part, next, err := page(in.paging, withPrefix(slices.Collect(maps.Keys(set.Buses)), in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	views := make([]busView, len(part))
	for i, name := range part {
		found := set.Buses[name]
		b, _, err := a.ofBus(&found)
		if err != nil {
			return nil, err
		}
		views[i] = busView{b.Name, a.busARN(b.Name), b.Description, b.CreationTime, b.LastModifiedTime}
	}
	return struct {
		EventBuses []busView
		NextToken  string `json:",omitempty"`
	}{views, next}, nil
}

// busConfig is what CreateEventBus and UpdateEventBus say of a bus, and answer.
type busConfig struct {
	Description      string          `json:",omitempty"`
	KmsKeyIdentifier string          `json:",omitempty"`
	DeadLetterConfig json.RawMessage `json:",omitempty"`
	LogConfig        json.RawMessage `json:",omitempty"`
}

func (b *bus) config() busConfig {
	return busConfig{b.Description, b.KmsKeyIdentifier, b.DeadLetterConfig, b.LogConfig}
}

func (a *API) createEventBus(in *struct {
	busConfig
	Name, EventSourceName string
	Tags                  []tag
}) (any, error) {
	if in.EventSourceName != "" {
		return nil, notFound("Event source %s does not exist.", in.EventSourceName)
	}
	if found, ok := a.opts.Rules().Buses[in.Name]; ok {
		b, _, err := a.ofBus(&found)
		switch {
		case err != nil:
			return nil, err
		case a.repeats(b.Invocation):
			return a.createdBus(&b), nil
		}
		return nil, taken("Event bus " + in.Name)
	}
	if err := distinct(in.Tags); err != nil {
		return nil, err
	}
	now := secondsOf(time.Now())
	b := bus{
		Name: in.Name, Description: in.Description, KmsKeyIdentifier: in.KmsKeyIdentifier, DeadLetterConfig: in.DeadLetterConfig,
		LogConfig: in.LogConfig, Tags: in.Tags, CreationTime: now, LastModifiedTime: now, Invocation: a.invocation,
	}
	if err := a.change(busPath(in.Name), busDocument{[1]bus{b}}); err != nil {
		return nil, err
	}
	return a.createdBus(&b), nil
}

// createdBus answers CreateEventBus.
func (a *API) createdBus(b *bus) any {
	return struct {
		EventBusArn string
		busConfig
	}{a.busARN(b.Name), b.config()}
}

// changeBus changes a bus of the API, or the default one.
func (a *API) changeBus(name string, change func(b *bus)) (bus, error) {
	set := a.opts.Rules()
	found, err := a.bus(set, name)
	if err != nil {
		return bus{}, err
	}
	b, owned, err := a.ofBus(&found)
	switch {
	case err != nil:
		return b, err
	case !owned:
		return b, managed("Event bus "+b.Name, "the rule files")
	}
	change(&b)
	return b, a.change(busPath(b.Name), busDocument{[1]bus{b}})
}

func (a *API) updateEventBus(in *struct {
	Name, Description, KmsKeyIdentifier *string
	DeadLetterConfig, LogConfig         json.RawMessage
}) (any, error) {
	name := rules.DefaultBus
	if in.Name != nil {
		name = *in.Name
	}
	b, err := a.changeBus(name, func(b *bus) {
		if in.Description != nil {
			b.Description = *in.Description
		}
		if b.KmsKeyIdentifier = ""; in.KmsKeyIdentifier != nil {
			b.KmsKeyIdentifier = *in.KmsKeyIdentifier
		}
		b.DeadLetterConfig, b.LogConfig = in.DeadLetterConfig, in.LogConfig
		b.LastModifiedTime = secondsOf(time.Now())
	})
	if err != nil {
		return nil, err
	}
	return struct {
		Arn, Name string
		busConfig
	}{a.busARN(name), name, b.config()}, nil
}

func (a *API) deleteEventBus(in *struct{ Name string }) (any, error) {
	if in.Name == rules.DefaultBus {
		return nil, invalid("Cannot delete event bus default.")
	}
	set := a.opts.Rules()
	found, ok := set.Buses[in.Name]
	if !ok {
		return nil, nil
	}
	_, owned, err := a.ofBus(&found)
	switch {
	case err != nil:
		return nil, err
	case !owned:
		return nil, managed("Event bus "+in.Name, "the rule files")
	case len(set.On(in.Name)) > 0:
		return nil, invalid("Event bus %s can't be deleted since it has rules.", in.Name)
	}
	return nil, a.change(busPath(in.Name), nil)
}
