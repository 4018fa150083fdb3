// Package template writes what EventBridge's API tells of a router as a template of CloudFormation,
// or for Terraform.
package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Model is what there is, in the form of the API's answers.
type Model struct {
	Buses        []Bus
	Rules        []Rule
	Archives     []Archive
	Connections  []Connection
	Destinations []Destination
	// Left are what no template can say, each in a line.
	Left []string
}

// Bus is a bus. The default one is there where it has a policy.
type Bus struct {
	Name, Arn, Description, KmsKeyIdentifier string
	Tags                                     []Tag
	DeadLetterConfig                         deadLetterConfig
	LogConfig                                json.RawMessage
	// Policy is that of PutPermission, in JSON.
	Policy string
}

// deadLetterConfig has the ARN of the queue of dead letters; empty for none.
type deadLetterConfig struct{ Arn string }

// Tag is a tag of a bus or a rule.
type Tag struct{ Key, Value string }

// Rule is a rule with its targets.
type Rule struct {
	Name, EventBusName, Arn, Description, EventPattern, ScheduleExpression, State, RoleArn string
	Tags                                                                                   []Tag
	Targets                                                                                []Target
}

// Target is a target of a rule: what is looked at of it, and the whole.
type Target struct {
	ID           string `json:"Id"`
	Arn, RoleArn string
	Whole        json.RawMessage `json:"-"`

	DeadLetterConfig deadLetterConfig
}

// UnmarshalJSON keeps the whole.
func (t *Target) UnmarshalJSON(text []byte) error {
	type plain Target
	t.Whole = bytes.Clone(text)
	return json.Unmarshal(text, (*plain)(t))
}

// Archive is an archive.
type Archive struct {
	ArchiveName, EventSourceArn, Description, EventPattern, KmsKeyIdentifier string
	RetentionDays                                                            int
}

// Caller calls an operation of EventBridge's API.
type Caller func(operation string, in map[string]any, out any) error

// ownARN begins ARNs that AWS does not know.
const ownARN = "arn:aws:signalbox:"

// defaultBus is there by itself.
const defaultBus = "default"

// Collect asks a router for all that it has.
func Collect(call Caller) (*Model, error) {
	m := &Model{}
	var buses []struct{ Name, Arn string }
	if err := pages(call, "ListEventBuses", map[string]any{}, "EventBuses", &buses); err != nil {
		return nil, err
	}
	for _, b := range buses {
		tags, err := tagsOf(call, b.Arn)
		if err != nil {
			return nil, err
		}
		bus := Bus{Tags: tags}
		if err := call("DescribeEventBus", map[string]any{"Name": b.Name}, &bus); err != nil {
			return nil, err
		}
		if b.Name == defaultBus && (bus.Description != "" || len(tags) > 0) {
			m.Left = append(m.Left, "bus default: its description and tags, as AWS has made it already")
		}
		if b.Name != defaultBus || bus.Policy != "" {
			m.Buses = append(m.Buses, bus)
		}
		if err := m.rulesOn(call, b.Name); err != nil {
			return nil, err
		}
	}
	var archives []struct{ ArchiveName string }
	if err := pages(call, "ListArchives", map[string]any{}, "Archives", &archives); err != nil {
		return nil, err
	}
	for _, a := range archives {
		var described Archive
		if err := call("DescribeArchive", map[string]any{"ArchiveName": a.ArchiveName}, &described); err != nil {
			return nil, err
		}
		if strings.HasSuffix(described.EventSourceArn, ":event-bus/*") {
			m.Left = append(m.Left, fmt.Sprintf("archive %s: it is of every bus, and one of AWS is of one: write one for each", described.ArchiveName))
			continue
		}
		m.Archives = append(m.Archives, described)
	}
	return m, m.connections(call)
}

func (m *Model) rulesOn(call Caller, bus string) error {
	var all []Rule
	if err := pages(call, "ListRules", map[string]any{"EventBusName": bus}, "Rules", &all); err != nil {
		return err
	}
	for _, r := range all {
		of := map[string]any{"Rule": r.Name, "EventBusName": bus}
		if err := pages(call, "ListTargetsByRule", of, "Targets", &r.Targets); err != nil {
			return err
		}
		var err error
		if r.Tags, err = tagsOf(call, r.Arn); err != nil {
			return err
		}
		for _, t := range r.Targets {
			if strings.HasPrefix(t.Arn, ownARN) {
				m.leave(&r, "target %s has no ARN that AWS knows, such as that of a queue: write one", t.ID)
			}
			if strings.HasPrefix(t.DeadLetterConfig.Arn, ownARN) {
				m.leave(&r, "the dead_letter of target %s has no ARN that AWS knows: write that of a queue", t.ID)
			}
			if strings.Contains(t.Arn, ":api-destination/") && t.RoleArn == "" {
				m.leave(&r, "target %s has no RoleArn, which AWS needs for an API destination: write one", t.ID)
			}
		}
		if err := m.limits(&r); err != nil {
			return err
		}
		m.Rules = append(m.Rules, r)
	}
	return nil
}

// leave notes what no template can say of a rule.
func (m *Model) leave(r *Rule, format string, args ...any) {
	m.Left = append(m.Left, fmt.Sprintf("rule %s on bus %s: ", r.Name, r.EventBusName)+fmt.Sprintf(format, args...))
}

// house are the members of a rule, and of its targets, for which EventBridge has no word.
var house = []string{"when", "kind", "strict", "stop_bubbling", "start", "timezone", "catch_up", "transform", "reply", "emits"}

// Lose notes what a rule has that EventBridge has no word for, given the rule as in a rule file.
func (m *Model) Lose(r *Rule, file []byte) error {
	var said struct {
		Members map[string]json.RawMessage
		State   string
		Targets []map[string]json.RawMessage
	}
	if err := json.Unmarshal(file, &said); err != nil {
		return err
	}
	if err := json.Unmarshal(file, &said.Members); err != nil {
		return err
	}
	switch said.State {
	case "shadow":
		m.leave(r, "state: shadow: it is DISABLED here")
	case "paused":
		m.leave(r, "state: paused: it is ENABLED here")
	}
	if _, ok := said.Members["when"]; ok && r.State == "ENABLED" {
		r.State = "DISABLED"
		m.leave(r, "state: it is DISABLED here, as it would match more without its when")
	}
	for _, t := range said.Targets {
		var transformer struct{ Compat string }
		if json.Unmarshal(t["input_transformer"], &transformer) == nil && transformer.Compat != "" {
			m.leave(r, "input_transformer.compat: %s, as EventBridge always is", transformer.Compat)
		}
		var retry struct {
			Min string `json:"min_backoff"`
			Max string `json:"max_backoff"`
		}
		if json.Unmarshal(t["retry"], &retry) == nil && (retry.Min != "1s" || retry.Max != "10m") {
			m.leave(r, "retry: min_backoff %s, max_backoff %s", retry.Min, retry.Max)
		}
	}
	for _, members := range append([]map[string]json.RawMessage{said.Members}, said.Targets...) {
		for _, key := range house {
			value, ok := members[key]
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			if ok && text != "UTC" && text != "none" { // the defaults of a schedule
				m.leave(r, "%s: %s", key, text)
			}
		}
	}
	return nil
}

// pages reads all pages of a listing.
func pages[T any](call Caller, operation string, in map[string]any, member string, all *[]T) error {
	for {
		var page map[string]json.RawMessage
		if err := call(operation, in, &page); err != nil {
			return err
		}
		var items []T
		if err := json.Unmarshal(page[member], &items); err != nil {
			return fmt.Errorf("%s: %w", operation, err)
		}
		*all = append(*all, items...)
		var next string
		if token, ok := page["NextToken"]; !ok || json.Unmarshal(token, &next) != nil || next == "" {
			return nil
		}
		in["NextToken"] = next
	}
}

func tagsOf(call Caller, arn string) ([]Tag, error) {
	var out struct{ Tags []Tag }
	return out.Tags, call("ListTagsForResource", map[string]any{"ResourceARN": arn}, &out)
}

// names gives each thing a name of its own in a template.
type names struct {
	form  *regexp.Regexp
	taken map[string]bool
}

func newNames(form string) *names { return &names{regexp.MustCompile(form), map[string]bool{}} }

// of returns a name made of parts: what form finds in them is left out.
func (n *names) of(parts ...string) string {
	name := n.form.ReplaceAllString(strings.Join(parts, "-"), "")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "r" + name
	}
	free := name
	for i := 2; n.taken[free]; i++ {
		free = name + strconv.Itoa(i)
	}
	n.taken[free] = true
	return free
}

// object is a JSON object without what is empty.
type object map[string]any

func (o object) set(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case []Tag:
		if len(v) == 0 {
			return
		}
	case json.RawMessage:
		if len(v) == 0 {
			return
		}
	case nil:
		return
	}
	o[key] = value
}

func written(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return text.Bytes(), err
}
