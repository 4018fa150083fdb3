package awsapi

import (
	"encoding/json"
	"slices"
)

// policy is who may do what with a bus, as AWS writes it. It is stored and shown, and decides nothing:
// keys have rights here.
type policy struct {
	Version   string
	Statement []statement
}

// statement is one of a policy. Those that were given as a whole policy stay as they are.
type statement struct {
	sid  string
	text json.RawMessage
}

// UnmarshalJSON keeps the text.
func (s *statement) UnmarshalJSON(text []byte) error {
	var said struct{ Sid string }
	s.text = slices.Clone(text)
	err := json.Unmarshal(text, &said)
	s.sid = said.Sid
	return err
}

// MarshalJSON returns the text.
func (s statement) MarshalJSON() ([]byte, error) { return s.text, nil }

func (a *API) putPermission(in *struct {
	EventBusName, Action, Principal, StatementID, Policy string
	Condition                                            json.RawMessage
}) (any, error) {
	if in.Policy != "" {
		var given map[string]any
		if json.Unmarshal([]byte(in.Policy), &given) != nil {
			return nil, invalid("Parameter Policy is not valid. Reason: it is no policy in JSON.")
		}
		return nil, a.setPolicy(in.EventBusName, func(*bus) (string, error) { return in.Policy, nil })
	}
	switch {
	case in.StatementID == "":
		return nil, invalid("Parameter StatementId is required.")
	case in.Action == "" || in.Principal == "":
		return nil, invalid("Parameter(s) Action and Principal must be specified.")
	}
	return nil, a.setPolicy(in.EventBusName, func(b *bus) (string, error) {
		next := statement{in.StatementID, a.statementOf(in.StatementID, in.Action, in.Principal, b.Name, in.Condition)}
		return b.grants(func(all []statement) []statement {
			if i := slices.IndexFunc(all, func(s statement) bool { return s.sid == in.StatementID }); i >= 0 {
				all[i] = next
				return all
			}
			return append(all, next)
		})
	})
}

// setPolicy changes the policy of a bus; empty is none.
func (a *API) setPolicy(busName string, change func(*bus) (string, error)) error {
	found, err := a.bus(a.opts.Rules(), busName)
	if err != nil {
		return err
	}
	b, _, err := a.ofBus(&found)
	if err != nil {
		return err
	}
	next, err := change(&b)
	if err != nil || next == b.Policy {
		return err
	}
	_, err = a.changeBus(b.Name, func(b *bus) { b.Policy = next })
	return err
}

// statementOf returns a statement in the order in which AWS writes its members.
func (a *API) statementOf(sid, action, principal, bus string, condition json.RawMessage) json.RawMessage {
	var who any = "*"
	if principal != "*" {
		who = struct{ AWS string }{"arn:aws:iam::" + principal + ":root"}
	}
	return compact(struct {
		Sid, Effect string
		Principal   any
		Action      string
		Resource    string
		Condition   any `json:",omitempty"`
	}{sid, "Allow", who, action, a.busARN(bus), conditionOf(condition)})
}

// conditionOf is a condition as policies have it; nil for none.
func conditionOf(given json.RawMessage) any {
	var c struct{ Type, Key, Value string }
	if len(given) == 0 || json.Unmarshal(given, &c) != nil {
		return nil
	}
	return map[string]map[string]string{c.Type: {c.Key: c.Value}}
}

// grants returns the bus's policy with its statements changed; empty where there are none.
func (b *bus) grants(change func([]statement) []statement) (string, error) {
	p := policy{Version: "2012-10-17"}
	if b.Policy != "" && json.Unmarshal([]byte(b.Policy), &p) != nil {
		return "", invalid("The policy of event bus %s has no list of statements: put it as a whole.", b.Name)
	}
	if p.Statement = change(p.Statement); len(p.Statement) == 0 {
		return "", nil
	}
	return string(compact(p)), nil
}

func (a *API) removePermission(in *struct {
	EventBusName, StatementID string
	RemoveAllPermissions      bool
}) (any, error) {
	return nil, a.setPolicy(in.EventBusName, func(b *bus) (string, error) {
		if in.RemoveAllPermissions {
			return "", nil
		}
		known := false
		next, err := b.grants(func(all []statement) []statement {
			return slices.DeleteFunc(all, func(s statement) bool {
				known = known || s.sid == in.StatementID
				return s.sid == in.StatementID
			})
		})
		if err == nil && !known {
			err = notFound("Statement with the provided id does not exist.")
		}
		return next, err
	})
}
