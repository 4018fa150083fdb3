package template

import "encoding/json"

// CloudFormation returns a template in JSON.
func (m *Model) CloudFormation() ([]byte, error) {
	ids, resources := newNames(`[^A-Za-z0-9]+`), object{}
	buses := map[string]any{}
	add := func(kind string, properties object, parts ...string) string {
		id := ids.of(parts...)
		resources[id] = object{"Type": "AWS::Events::" + kind, "Properties": properties}
		return id
	}
	for _, b := range m.Buses {
		p := object{"Name": b.Name}
		p.set("Description", b.Description)
		p.set("Tags", b.Tags)
		if arn := b.DeadLetterConfig.Arn; arn != "" {
			p["DeadLetterConfig"] = object{"Arn": arn}
		}
		buses[b.Name] = object{"Ref": add("EventBus", p, "Bus", b.Name)}
	}
	for _, r := range m.Rules {
		p := object{"Name": r.Name, "State": r.State}
		p.set("EventBusName", buses[r.EventBusName])
		p.set("Description", r.Description)
		p.set("EventPattern", json.RawMessage(r.EventPattern))
		p.set("ScheduleExpression", r.ScheduleExpression)
		p.set("RoleArn", r.RoleArn)
		p.set("Tags", r.Tags)
		targets := make([]json.RawMessage, len(r.Targets))
		for i, t := range r.Targets {
			targets[i] = t.Whole
		}
		if len(targets) > 0 {
			p["Targets"] = targets
		}
		add("Rule", p, "Rule", r.EventBusName, r.Name)
	}
	for _, a := range m.Archives {
		p := object{"ArchiveName": a.ArchiveName, "SourceArn": a.EventSourceArn, "RetentionDays": a.RetentionDays}
		p.set("Description", a.Description)
		p.set("EventPattern", json.RawMessage(a.EventPattern))
		add("Archive", p, "Archive", a.ArchiveName)
	}
	return written(object{"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
}
