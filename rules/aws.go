package rules

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/document"
	"signalbox/event"
)

// awsRule is a rule as describe-rule and list-rules print it, as PutRule takes
// it, and as the properties of an AWS::Events::Rule.
type awsRule struct {
	Name         document.Located[string] `yaml:"Name"`
	EventBusName *document.Node           `yaml:"EventBusName"`
	Description  document.Located[string] `yaml:"Description"`
	State        State                    `yaml:"State"`
	EventPattern *document.Node           `yaml:"EventPattern"`
	Targets      []*document.Node         `yaml:"Targets"`
	Schedule     document.Located[string] `yaml:"ScheduleExpression"`

	// These say nothing about routing.
	Arn       *document.Node `yaml:"Arn"`
	RoleArn   *document.Node `yaml:"RoleArn"`
	ManagedBy *document.Node `yaml:"ManagedBy"`
	CreatedBy *document.Node `yaml:"CreatedBy"`
	Tags      *document.Node `yaml:"Tags"`
}

// awsTarget is a target as PutTargets takes it.
type awsTarget struct {
	ID               document.Located[string] `yaml:"Id"`
	Arn              *document.Node           `yaml:"Arn"`
	Input            *document.Node           `yaml:"Input"`
	InputPath        document.Located[string] `yaml:"InputPath"`
	InputTransformer *awsTransformer          `yaml:"InputTransformer"`
	RetryPolicy      *awsRetryPolicy          `yaml:"RetryPolicy"`

	RoleArn                     *document.Node `yaml:"RoleArn"`
	DeadLetterConfig            *awsDeadLetter `yaml:"DeadLetterConfig"`
	HTTPParameters              *awsParameters `yaml:"HttpParameters"`
	SqsParameters               *document.Node `yaml:"SqsParameters"`
	KinesisParameters           *document.Node `yaml:"KinesisParameters"`
	RunCommandParameters        *document.Node `yaml:"RunCommandParameters"`
	EcsParameters               *document.Node `yaml:"EcsParameters"`
	BatchParameters             *document.Node `yaml:"BatchParameters"`
	RedshiftDataParameters      *document.Node `yaml:"RedshiftDataParameters"`
	SageMakerPipelineParameters *document.Node `yaml:"SageMakerPipelineParameters"`
	AppSyncParameters           *document.Node `yaml:"AppSyncParameters"`
}

type awsTransformer struct {
	InputPathsMap map[string]string        `yaml:"InputPathsMap"`
	InputTemplate document.Located[string] `yaml:"InputTemplate"`
}

type awsDeadLetter struct {
	Arn *document.Node `yaml:"Arn"`
}

type awsRetryPolicy struct {
	MaximumRetryAttempts     *int `yaml:"MaximumRetryAttempts"`
	MaximumEventAgeInSeconds *int `yaml:"MaximumEventAgeInSeconds"`
}

// json reads a JSON file: the project's own form, or one of those that AWS's
// tools print, told apart by their keys. A list may hold several.
func (r *fileReader) json(root *document.Node) {
	switch {
	case root.Kind == document.Sequence:
		for _, item := range root.Items {
			r.json(item)
		}
	case root.Get("Resources") != nil:
		r.template(root.Get("Resources"))
	case root.Get("Rules") != nil:
		r.listed(root, "Rules", func(n *document.Node, path document.Path) { r.awsRule(n, path, "", nil) })
	case root.Get("EventBuses") != nil:
		r.listed(root, "EventBuses", func(n *document.Node, _ document.Path) { r.awsBus(n, "", nil) })
	case root.Get("Api") != nil:
		r.apiDocument(root)
	case root.Get("EventPattern") != nil, root.Get("ScheduleExpression") != nil, root.Get("Name") != nil && root.Get("rules") == nil:
		r.awsRule(root, document.Path{}, "", nil)
	case root.Get("Targets") != nil:
		r.targetsOfRule(root)
	default:
		r.file(root)
	}
}

// apiDocument reads what the API keeps of an archive, a connection or an API destination: as it is in
// a file, with what only the API tells of it beside that.
func (r *fileReader) apiDocument(root *document.Node) {
	file := *root
	file.Members = slices.DeleteFunc(slices.Clone(root.Members), func(m document.Member) bool { return m.Key == "Api" })
	r.file(&file)
}

// listed reads the answer of a List operation.
func (r *fileReader) listed(root *document.Node, key string, read func(*document.Node, document.Path)) {
	for _, member := range r.dec.Unique(root, document.Path{}) {
		switch member.Key {
		case key:
			var items []*document.Node
			r.dec.Decode(member.Value, &items, document.Path{}.Key(key))
			for i, n := range items {
				read(n, document.Path{}.Key(key).Index(i))
			}
		case "NextToken":
			if !member.Value.IsZero() {
				r.problems.Add(member.Pos, document.Path{}.Key(key), "the list goes on where NextToken says; export all of it into this file")
			}
		default:
			r.dec.UnknownKey(member, document.Path{}, []string{key, "NextToken"})
		}
	}
}

// template reads the rules and buses of a CloudFormation template, and passes
// over its other resources.
func (r *fileReader) template(resources *document.Node) {
	buses := map[string]string{}
	all := members(r.dec, resources, "Resources")
	for _, m := range all {
		if typeOf(m.Value) == "AWS::Events::EventBus" {
			r.awsBus(m.Value.Get("Properties"), m.Key, buses)
		}
	}
	for _, m := range all {
		properties := m.Value.Get("Properties")
		if e := samRule(properties.Get("Events")); e != nil {
			r.problems.Add(e.Pos, document.Path{}.Key("Resources").Key(m.Key), "has a rule in SAM's form: signalbox import %s makes a rule file of it", r.path)
		}
		if typeOf(m.Value) != "AWS::Events::Rule" {
			continue
		}
		if f := computed(properties); f != nil {
			r.problems.Add(f.Pos, document.In("rule "+strconv.Quote(m.Key)), "is computed by the template (%s): signalbox import %s makes a rule file of it", f.Members[0].Key, r.path)
			continue
		}
		if properties.IsZero() {
			r.problems.Add(m.Pos, document.In("rule "+strconv.Quote(m.Key)), "has no Properties")
			continue
		}
		r.awsRule(properties, document.Path{}.Key("Resources").Key(m.Key), m.Key, buses)
	}
}

// samRule returns the first rule among the events of a function of SAM.
func samRule(events *document.Node) *document.Node {
	if events != nil {
		for _, m := range events.Members {
			if t := typeOf(m.Value); t == "EventBridgeRule" || t == "CloudWatchEvent" {
				return m.Value
			}
		}
	}
	return nil
}

// computed returns the first function of CloudFormation in what must be written out:
// ARNs and buses may be references.
func computed(n *document.Node) *document.Node {
	if n == nil {
		return nil
	}
	for _, m := range n.Members {
		switch {
		case m.Key == "Ref" || strings.HasPrefix(m.Key, "Fn::"):
			return n
		case m.Key == "Arn" || m.Key == "EventBusName":
			if member := m.Value.Members; len(member) == 1 && (member[0].Key == "Ref" || member[0].Key == "Fn::GetAtt") {
				continue
			}
		case strings.HasSuffix(m.Key, "Arn") || strings.HasSuffix(m.Key, "Parameters") || m.Key == "DeadLetterConfig" || m.Key == "Tags":
			continue
		}
		if f := computed(m.Value); f != nil {
			return f
		}
	}
	for _, item := range n.Items {
		if f := computed(item); f != nil {
			return f
		}
	}
	return nil
}

func typeOf(resource *document.Node) string {
	if t := resource.Get("Type"); t != nil {
		return t.Text
	}
	return ""
}

// awsBus declares a bus. Within a template it is known by its logical id too,
// which buses then maps to its name.
func (r *fileReader) awsBus(n *document.Node, logicalID string, buses map[string]string) {
	bus := busDraft{Bus: Bus{Name: logicalID}}
	if n != nil {
		bus.pos = n.Pos
		if name := n.Get("Name"); !name.IsZero() {
			bus.Name = r.text(name, nil)
		}
		if description := n.Get("Description"); !description.IsZero() {
			bus.Description = description.Text
		}
	}
	if buses != nil {
		buses[logicalID] = bus.Name
	}
	if bus.Name != DefaultBus {
		r.buses = append(r.buses, bus)
	}
}

func (r *fileReader) awsRule(n *document.Node, path document.Path, logicalID string, buses map[string]string) {
	name := logicalID
	if given := n.Get("Name"); given != nil && given.Kind == document.String {
		name = given.Text
	}
	if name != "" {
		path = document.In("rule " + strconv.Quote(name))
	}
	a := awsRule{State: Enabled}
	r.dec.Decode(given(n), &a, path)
	d := &draft{
		Name:        a.Name,
		Description: a.Description,
		State:       a.State,
		Pattern:     a.EventPattern,
		Schedule:    a.Schedule,
		pos:         n.Pos,
		path:        path,
		patternKey:  "EventPattern",
		scheduleKey: "ScheduleExpression",
	}
	if d.Name.Node == nil && logicalID != "" {
		d.Name = document.Located[string]{Value: logicalID, Node: &document.Node{Kind: document.String, Text: logicalID, Pos: n.Pos}}
	}
	if !a.EventBusName.IsZero() {
		d.Bus = document.Located[string]{Value: busName(r.text(a.EventBusName, buses)), Node: a.EventBusName}
	}
	d.Targets = r.awsTargets(a.Targets, path)
	r.rules = append(r.rules, d)
}

// given returns a mapping without the members that the SDKs print for what is not
// set: null and "".
func given(n *document.Node) *document.Node {
	set := *n
	set.Members = slices.DeleteFunc(slices.Clone(n.Members), func(m document.Member) bool {
		return m.Value.IsZero() || m.Value.Kind == document.String && m.Value.Text == ""
	})
	return &set
}

// busName takes the name of a bus out of its ARN. In a file the account and the region do
// not matter: what AWS's tools print names those that it was printed in.
func busName(text string) string {
	if name, _, _, ok := event.BusOfARN(text); ok {
		return name
	}
	return text
}

// targetsOfRule reads what list-targets-by-rule prints, which does not say
// whose targets they are, or what put-targets takes, which does.
func (r *fileReader) targetsOfRule(root *document.Node) {
	var a struct {
		Rule         document.Located[string] `yaml:"Rule"`
		EventBusName *document.Node           `yaml:"EventBusName"`
		Targets      []*document.Node         `yaml:"Targets"`
		NextToken    *document.Node           `yaml:"NextToken"`
	}
	r.dec.Decode(root, &a, document.Path{})
	at := attachment{rule: a.Rule.Value, pos: root.Pos}
	if a.Rule.Node == nil {
		at.rule, _ = strings.CutSuffix(filepath.Base(r.path), ".targets.json")
		if at.rule == filepath.Base(r.path) {
			r.problems.Add(root.Pos, document.Path{}.Key("Targets"), `whose targets these are is not said: add "Rule": and the rule's name, or name the file RULE.targets.json`)
			return
		}
	}
	if !a.EventBusName.IsZero() {
		at.bus = busName(r.text(a.EventBusName, nil))
	}
	at.targets = r.awsTargets(a.Targets, document.In("rule "+strconv.Quote(at.rule)))
	r.attached = append(r.attached, at)
}

func (r *fileReader) awsTargets(nodes []*document.Node, path document.Path) []targetDraft {
	list := make([]targetDraft, 0, len(nodes))
	for i, n := range nodes {
		list = append(list, r.awsTarget(n, path.Key("Targets").Index(i)))
	}
	return list
}

func (r *fileReader) awsTarget(n *document.Node, path document.Path) targetDraft {
	var a awsTarget
	r.dec.Decode(given(n), &a, path)
	d := targetDraft{ID: a.ID, Input: a.Input, InputPath: a.InputPath, HTTPParameters: (*HTTPParameters)(a.HTTPParameters), node: n, path: path}
	if a.Arn.IsZero() {
		r.problems.Add(n.Pos, path, "has no Arn")
	} else {
		d.ARN = r.text(a.Arn, nil)
		d.Target.Node = a.Arn
		if r.makesTargets {
			d.makes = Made{ARN: d.ARN, Group: text(a.SqsParameters.Get("MessageGroupId"))}
		}
	}
	if t := a.InputTransformer; t != nil {
		d.InputTransformer = &transformerDraft{InputPathsMap: t.InputPathsMap, InputTemplate: t.InputTemplate}
	}
	r.retryPolicy(&d, a.RetryPolicy)
	if letters := a.DeadLetterConfig; letters != nil && !letters.Arn.IsZero() {
		r.deadLetters(&d, letters.Arn)
	}
	for _, member := range n.Members {
		if strings.HasSuffix(member.Key, "Parameters") && member.Key != "HttpParameters" && !member.Value.IsZero() {
			r.warnings.Add(member.Pos, path.Key(member.Key), "is ignored: how to deliver is said by the target")
		}
	}
	return d
}

// deadLetters reads what gets dead letters too.
func (r *fileReader) deadLetters(d *targetDraft, arn *document.Node) {
	if arn.Kind != document.String && arn.Get("Ref") == nil && arn.Get("Fn::GetAtt") == nil {
		r.warnings.Add(arn.Pos, d.path.Key("DeadLetterConfig"), "is ignored, as the template computes it: dead letters rest in the router's own queue alone")
		return
	}
	d.DeadLetter = document.Located[string]{Value: r.text(arn, nil), Node: arn}
	if r.makesTargets {
		d.lettersMake = Made{ARN: d.DeadLetter.Value}
	}
}

// retryPolicy counts the first attempt, which AWS's retries do not include.
func (r *fileReader) retryPolicy(d *targetDraft, policy *awsRetryPolicy) {
	if policy == nil {
		return
	}
	path := d.path.Key("RetryPolicy")
	at := d.node.Get("RetryPolicy")
	if retries := policy.MaximumRetryAttempts; retries != nil {
		if *retries < 0 || *retries > 185 {
			r.problems.Add(at.Get("MaximumRetryAttempts").Pos, path.Key("MaximumRetryAttempts"), "is %d; 0 to 185 are allowed", *retries)
		}
		d.attempts = *retries + 1
	}
	if age := policy.MaximumEventAgeInSeconds; age != nil {
		if *age < 60 || *age > 86400 {
			r.problems.Add(at.Get("MaximumEventAgeInSeconds").Pos, path.Key("MaximumEventAgeInSeconds"), "is %d; 60 to 86400 are allowed", *age)
		}
		d.age = time.Duration(*age) * time.Second
	}
}

// text is a string, or what the intrinsic functions of CloudFormation that name
// a resource stand for: the name of a bus of the template, or a logical id.
func (r *fileReader) text(n *document.Node, buses map[string]string) string {
	if n.Kind == document.String {
		return n.Text
	}
	id := ""
	if n.Kind == document.Mapping && len(n.Members) == 1 {
		switch m := n.Members[0]; {
		case m.Key == "Ref" && m.Value.Kind == document.String:
			id = m.Value.Text
		case m.Key == "Fn::GetAtt" && m.Value.Kind == document.Sequence && len(m.Value.Items) == 2:
			id = m.Value.Items[0].Text
		case m.Key == "Fn::GetAtt" && m.Value.Kind == document.String:
			id, _, _ = strings.Cut(m.Value.Text, ".")
		}
	}
	if id == "" {
		r.problems.Add(n.Pos, document.Path{}, "must be a string, a Ref or an Fn::GetAtt; write out what the template computes")
	}
	if name, ok := buses[id]; ok {
		return name
	}
	return id
}
