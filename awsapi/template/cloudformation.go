package template

import (
	"encoding/json"
	"strconv"
	"strings"
)

// CloudFormation returns a template in JSON.
func (m *Model) CloudFormation() (text []byte, err error) {
	ids, resources, parameters := newNames(`[^A-Za-z0-9]+`), object{}, object{}
	buses, arns := map[string]any{}, map[string]any{}
	add := func(kind string, properties object, parts ...string) string {
		id := ids.of(parts...)
		resources[id] = object{"Type": "AWS::Events::" + kind, "Properties": properties}
		return id
	}
	for _, b := range m.Buses {
		if b.Name == defaultBus {
			continue
		}
		p := object{"Name": b.Name}
		p.set("KmsKeyIdentifier", b.KmsKeyIdentifier)
		p.set("LogConfig", b.LogConfig)
		p.set("Description", b.Description)
		p.set("Tags", b.Tags)
		if arn := b.DeadLetterConfig.Arn; arn != "" {
			p["DeadLetterConfig"] = object{"Arn": arn}
		}
		id := add("EventBus", p, "Bus", b.Name)
		buses[b.Name], arns[b.Arn] = object{"Ref": id}, arnOf(id)
	}
	for _, b := range m.Buses {
		statements, err := b.statements()
		if err != nil {
			return nil, err
		}
		for i, s := range statements {
			sid, ok := s["Sid"].(string)
			if !ok {
				sid = "Statement" + strconv.Itoa(i)
			}
			if arn, ok := s["Resource"].(string); ok {
				s["Resource"] = orSelf(arns, arn)
			}
			p := object{"StatementId": sid, "Statement": s}
			p.set("EventBusName", buses[b.Name])
			add("EventBusPolicy", p, "Policy", b.Name, sid)
		}
	}
	ask := func(path ...string) (string, any) {
		id := ids.of(append([]string{"Connection"}, path...)...)
		parameters[id] = object{"Type": "String", "NoEcho": true, "Description": strings.Join(path[1:], " ") + " of the connection " + path[0]}
		return id, object{"Ref": id}
	}
	for _, c := range m.Connections {
		auth, err := m.authParameters(&c, ask)
		if err != nil {
			return nil, err
		}
		p := object{"Name": c.Name, "AuthorizationType": c.AuthorizationType, "AuthParameters": auth}
		p.set("Description", c.Description)
		p.set("KmsKeyIdentifier", c.KmsKeyIdentifier)
		arns[c.ConnectionArn] = arnOf(add("Connection", p, "Connection", c.Name))
	}
	for _, d := range m.Destinations {
		p := object{"Name": d.Name, "ConnectionArn": orSelf(arns, d.ConnectionArn), "HttpMethod": d.HTTPMethod, "InvocationEndpoint": d.InvocationEndpoint}
		if d.InvocationRateLimitPerSecond > 0 {
			p["InvocationRateLimitPerSecond"] = d.InvocationRateLimitPerSecond
		}
		p.set("Description", d.Description)
		arns[d.Arn] = arnOf(add("ApiDestination", p, "ApiDestination", d.Name))
	}
	for _, r := range m.Rules {
		p := object{"Name": r.Name, "State": r.State}
		p.set("EventBusName", buses[r.EventBusName])
		p.set("Description", r.Description)
		p.set("EventPattern", json.RawMessage(r.EventPattern))
		p.set("ScheduleExpression", r.ScheduleExpression)
		p.set("RoleArn", r.RoleArn)
		p.set("Tags", r.Tags)
		targets := make([]map[string]json.RawMessage, len(r.Targets))
		for i, t := range r.Targets {
			if err := json.Unmarshal(t.Whole, &targets[i]); err != nil {
				return nil, err
			}
			if arn, ok := arns[t.Arn]; ok {
				if targets[i]["Arn"], err = json.Marshal(arn); err != nil {
					return nil, err
				}
			}
		}
		if len(targets) > 0 {
			p["Targets"] = targets
		}
		add("Rule", p, "Rule", r.EventBusName, r.Name)
	}
	for _, a := range m.Archives {
		p := object{"ArchiveName": a.ArchiveName, "SourceArn": orSelf(arns, a.EventSourceArn), "RetentionDays": a.RetentionDays}
		p.set("Description", a.Description)
		p.set("EventPattern", json.RawMessage(a.EventPattern))
		p.set("KmsKeyIdentifier", a.KmsKeyIdentifier)
		add("Archive", p, "Archive", a.ArchiveName)
	}
	whole := object{"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
	if len(parameters) > 0 {
		whole["Parameters"] = parameters
	}
	return written(whole)
}

func arnOf(id string) object { return object{"Fn::GetAtt": []string{id, "Arn"}} }

// orSelf returns what stands for an ARN, or the ARN itself.
func orSelf(arns map[string]any, arn string) any {
	if known, ok := arns[arn]; ok {
		return known
	}
	return arn
}
