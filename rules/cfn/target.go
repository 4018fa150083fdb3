package cfn

import (
	"cmp"
	"fmt"
	"strings"

	"signalbox/document"
	"signalbox/rules"
	"signalbox/secret"
)

const apiDestination = "AWS::Events::ApiDestination"

// targetReasons are why properties of targets are left out.
var targetReasons = func() map[string]string {
	why := map[string]string{"RoleArn": byKeys}
	for _, kind := range []string{"AppSync", "Batch", "Ecs", "Kinesis", "RedshiftData", "RunCommand", "SageMakerPipeline"} {
		why[kind+"Parameters"] = "how to deliver is said by the target: fill that in"
	}
	return why
}()

// target returns the entry of a rule for one of its targets, which it declares.
func (c *converter) target(s *scope, arn, id *document.Node) *document.Node {
	group := ""
	if sqs := s.below("SqsParameters"); sqs.node != nil {
		group = sqs.string("MessageGroupId")
		sqs.rest(nil)
	}
	s.at = s.path + ".Arn"
	name := c.declareTarget(arn, group)
	entry := mapping("target", str(name))
	if id != nil {
		s.at = s.path + ".Id"
		if text := c.named(c.text(id)); text != name {
			entry = mapping("id", str(text), "target", str(name))
		}
	}
	if input := s.get("Input"); input != nil {
		text := c.text(input)
		if _, err := document.Parse("input.json", []byte(text)); err != nil || text == "" {
			c.note("is no JSON, which EventBridge refuses: write JSON")
		}
		set(entry, "input", str(text))
	}
	if path := s.get("InputPath"); path != nil {
		set(entry, "input_path", str(c.text(path)))
	}
	if t := s.below("InputTransformer"); t.node != nil {
		transformer := mapping()
		if paths := t.get("InputPathsMap"); paths != nil {
			set(transformer, "input_paths_map", c.resolve(paths))
		}
		if template := t.get("InputTemplate"); template != nil {
			set(transformer, "input_template", str(c.text(template)))
		}
		t.rest(nil)
		set(entry, "input_transformer", transformer)
	}
	if parameters := c.httpParameters(s.below("HttpParameters")); parameters != nil {
		set(entry, "http_parameters", parameters)
	}
	if retry := c.retry(s.below("RetryPolicy")); retry != nil {
		set(entry, "retry", retry)
	}
	if arn := c.deadLetters(name, s.below("DeadLetterConfig")); arn != nil {
		s.at = s.path + ".DeadLetterConfig"
		set(entry, "dead_letter", str(c.declareTarget(arn, "")))
	}
	return entry
}

// httpParameters are what the entry adds to requests; nil for nothing.
func (c *converter) httpParameters(s *scope) *document.Node {
	out := mapping()
	if list := s.get("PathParameterValues"); list != nil {
		values := &document.Node{Kind: document.Sequence}
		for _, item := range c.resolve(list).Items {
			values.Items = append(values.Items, str(c.text(item)))
		}
		set(out, "path_parameter_values", values)
	}
	for _, kind := range []struct{ property, key string }{{"HeaderParameters", "header_parameters"}, {"QueryStringParameters", "query_string_parameters"}} {
		if given := s.get(kind.property); given != nil {
			values := mapping()
			for _, m := range c.resolve(given).Members {
				set(values, m.Key, str(c.text(m.Value)))
			}
			set(out, kind.key, values)
		}
	}
	s.rest(nil)
	if len(out.Members) == 0 {
		return nil
	}
	return out
}

// deadLetters returns the ARN of the queue of dead letters, or what stands for that of one that SAM makes itself,
// which says its Type; nil for none.
func (c *converter) deadLetters(target string, letters *scope) *document.Node {
	if letters.node == nil {
		return nil
	}
	arn, kind, id := letters.get("Arn"), letters.string("Type"), letters.string("QueueLogicalId")
	letters.rest(nil)
	switch {
	case arn != nil:
		return arn
	case kind == "":
		return nil
	case id != "":
		return mapping("Ref", str(id))
	}
	return mapping("Ref", str(target+"-dead-letters"))
}

// retry counts the first attempt, which AWS's retries do not include.
func (c *converter) retry(s *scope) *document.Node {
	retry := mapping()
	if retries, ok := s.integer("MaximumRetryAttempts"); ok {
		set(retry, "max_attempts", number(retries+1))
	}
	if seconds, ok := s.integer("MaximumEventAgeInSeconds"); ok {
		set(retry, "max_age", str(number(seconds).Text+"s"))
	}
	s.rest(nil)
	if len(retry.Members) == 0 {
		return nil
	}
	return retry
}

// declareTarget returns the name of the target that an ARN stands for, which it declares: with what the ARN or the
// template tells of it, or as a stub that logs. group is the message group of a FIFO queue.
func (c *converter) declareTarget(arn *document.Node, group string) string {
	if arn.IsZero() {
		c.note("a target has no Arn")
		arn = str("unknown")
	}
	id := reference(arn)
	key := cmp.Or(id, string(arn.Render().JSON)) + "\x00" + group
	if name, ok := c.targets[key]; ok {
		return name
	}
	ofRule, at := c.comments, c.at
	c.comments = nil
	text := ""
	if id == "" {
		id, text = c.ofARN(arn)
	}
	resource := c.resources.Get(id)
	name := cmp.Or(c.labels[id], id)
	var declared *document.Node
	switch bus, isBus := c.buses[id]; {
	case isBus && text == "": // a literal ARN may be of another account
		declared = mapping("type", str("bus"), "bus", str(bus))
	case typeOf(resource) == apiDestination:
		c.conditional(id, resource)
		s := c.scope(id, resource.Get("Properties"))
		name = cmp.Or(s.string("Name"), name)
		declared = c.destination(s)
		s.rest(nil)
	default:
		declared = made(rules.Made{ARN: text, Group: group})
	}
	c.at = at
	if declared == nil {
		declared = mapping("type", str("log"))
		c.stubs++
		if resource == nil {
			c.note("fill in: %s", document.Quoted(id))
		} else {
			c.note("fill in: %s, of type %s", document.Quoted(id), document.Quoted(typeOf(resource)))
		}
		if group != "" {
			c.lose(at, "SqsParameters.MessageGroupId "+document.Quoted(group)+": write it as group: of type: sqs")
		}
	}
	if text != "" && !c.arns[text] {
		c.arns[text] = true
		set(declared, "arn", str(text))
	}
	name = free(c.named(name), c.targets)
	c.targets[key] = name
	c.targetList = append(c.targetList, c.done(mapping(name, declared)))
	c.comments, c.at = ofRule, at
	return name
}

// ofARN returns what an ARN that is written out or computed stands for: the bus or the name in it. The text is empty
// where not all of it is known.
func (c *converter) ofARN(arn *document.Node) (id, text string) {
	before := c.unknowns
	text = c.text(arn)
	id = rules.NameInARN(text)
	if c.unknowns == before && strings.HasPrefix(text, "arn:") {
		return id, text
	}
	if _, bus, ok := strings.Cut(text, ":event-bus/"); ok {
		for key, name := range c.buses {
			if name == bus {
				return key, ""
			}
		}
	}
	return id, ""
}

// made is the target that an ARN alone tells of; nil where it does not.
func made(m rules.Made) *document.Node {
	_, options, ok := m.Declaration("", "")
	if !ok || options["type"] == "bus" { // of another account
		return nil
	}
	out := mapping()
	for _, key := range []string{"type", "url", "group"} {
		if options[key] != "" {
			set(out, key, str(options[key]))
		}
	}
	return out
}

// free returns a name, with a number behind it where another has it already.
func free(name string, named map[string]string) string {
	taken := map[string]bool{}
	for _, other := range named {
		taken[other] = true
	}
	free := name
	for i := 2; taken[free]; i++ {
		end := fmt.Sprintf("-%d", i)
		free = name[:min(len(name), maxName-len(end))] + end
	}
	return free
}

// destination is the target that an API destination is; nil where its endpoint can't be said.
func (c *converter) destination(s *scope) *document.Node {
	method, description, connection := s.string("HttpMethod"), s.string("Description"), s.get("ConnectionArn")
	rate, limited := s.integer("InvocationRateLimitPerSecond")
	endpoint := s.get("InvocationEndpoint")
	if endpoint == nil {
		c.note("an API destination has no InvocationEndpoint")
		return nil
	}
	url, variables := c.url(endpoint)
	if strings.Contains(url, "{{") {
		c.note("a url can't hold {{: write where to send")
		return nil
	}
	if len(variables) > 0 {
		c.note("set %s in the environment", strings.Join(variables, ", "))
	}
	out := mapping("type", str("http"))
	if description != "" {
		set(out, "description", str(description))
	}
	set(out, "url", str(url))
	if method != "" && method != "POST" {
		set(out, "method", str(method))
	}
	if limited && rate > 0 {
		set(out, "rate_limit", str(fmt.Sprintf("%d/s", rate)))
	}
	switch s.at = s.path + ".ConnectionArn"; {
	case connection == nil:
	case c.connections[reference(connection)] != "":
		set(out, "auth", mapping("connection", str(c.connections[reference(connection)])))
	default:
		c.note("logs in with the connection %s, which the template does not have: write auth:", document.Quoted(c.text(connection)))
	}
	return out
}

// url returns a text in which what is not known refers to the environment, and the variables that it needs.
func (c *converter) url(n *document.Node) (text string, variables []string) {
	c.variables = &variables
	text = secret.Literal(c.text(n))
	c.variables = nil
	for i, name := range variables {
		text = strings.ReplaceAll(text, mark(i), "${"+name+"}")
	}
	return text, variables
}

// mark stands for the variable of that number in a text that is being made. A template that writes one itself refers to
// what its text refers to anyway.
func mark(i int) string { return fmt.Sprintf("\x00%d\x00", i) }
