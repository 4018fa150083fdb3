package cfn

import (
	"strconv"
	"strings"

	"signalbox/document"
	"signalbox/rules"
)

const apiDestination = "AWS::Events::ApiDestination"

// target returns the entry of a rule for one of its targets, which it declares.
func (c *converter) target(n, arn *document.Node) *document.Node {
	name := c.declareTarget(arn)
	entry := mapping("target", str(name))
	if id := n.Get("Id"); !id.IsZero() {
		if text := tidy(c.text(id)); text != name {
			entry = mapping("id", str(text), "target", str(name))
		}
	}
	if input := n.Get("Input"); !input.IsZero() {
		set(entry, "input", str(c.text(input)))
	}
	if path := n.Get("InputPath"); !path.IsZero() {
		set(entry, "input_path", str(c.text(path)))
	}
	if t := n.Get("InputTransformer"); !t.IsZero() {
		transformer := mapping()
		if paths := t.Get("InputPathsMap"); !paths.IsZero() {
			set(transformer, "input_paths_map", c.resolve(paths))
		}
		if template := t.Get("InputTemplate"); !template.IsZero() {
			set(transformer, "input_template", str(c.text(template)))
		}
		set(entry, "input_transformer", transformer)
	}
	if retry := c.retry(n.Get("RetryPolicy")); retry != nil {
		set(entry, "retry", retry)
	}
	if arn := c.deadLetters(name, n.Get("DeadLetterConfig")); arn != nil {
		set(entry, "dead_letter", str(c.declareTarget(arn)))
	}
	for _, m := range n.Members {
		if strings.HasSuffix(m.Key, "Parameters") {
			c.note("target %s: %s is left out; how to deliver is said by the target", name, m.Key)
		}
	}
	return entry
}

// deadLetters returns the ARN of the queue of dead letters, or what stands for that of one that SAM makes itself,
// which says its Type; nil for none.
func (c *converter) deadLetters(target string, letters *document.Node) *document.Node {
	if function, _ := call(letters); function != "" {
		letters = c.resolve(letters)
	}
	if arn := letters.Get("Arn"); !arn.IsZero() {
		return arn
	}
	if letters.Get("Type").IsZero() {
		return nil
	}
	if id := letters.Get("QueueLogicalId"); !id.IsZero() {
		return mapping("Ref", str(c.text(id)))
	}
	return mapping("Ref", str(target+"-dead-letters"))
}

// retry counts the first attempt, which AWS's retries do not include.
func (c *converter) retry(n *document.Node) *document.Node {
	retry := mapping()
	if attempts := n.Get("MaximumRetryAttempts"); !attempts.IsZero() {
		if count, err := strconv.Atoi(c.text(attempts)); err == nil {
			set(retry, "max_attempts", &document.Node{Kind: document.Number, Text: strconv.Itoa(count + 1)})
		}
	}
	if age := n.Get("MaximumEventAgeInSeconds"); !age.IsZero() {
		if seconds, err := strconv.Atoi(c.text(age)); err == nil {
			set(retry, "max_age", str(strconv.Itoa(seconds)+"s"))
		}
	}
	if len(retry.Members) == 0 {
		return nil
	}
	return retry
}

// declareTarget returns the name of the target that an ARN stands for, with a stub
// under targets: for it.
func (c *converter) declareTarget(arn *document.Node) string {
	if arn.IsZero() {
		c.note("a target has no Arn")
		arn = str("unknown")
	}
	key := string(arn.Render().JSON)
	if id := reference(arn); id != "" {
		key = id
	}
	if name, ok := c.targets[key]; ok {
		return name
	}
	ofRule := c.comments
	c.comments = nil
	id, text := reference(arn), ""
	if id == "" {
		text = c.text(arn)
		id = rules.NameInARN(text)
	}
	resource := c.resources.Get(id)
	named := id
	if given := resource.Get("Properties").Get("Name"); typeOf(resource) == apiDestination && !given.IsZero() {
		named = c.text(given)
	}
	name := free(tidy(named), c.targets)
	c.targets[key] = name
	stub := c.stub(id, resource)
	if strings.HasPrefix(text, "arn:") && len(c.comments) == 0 {
		set(stub, "arn", str(text))
	}
	switch {
	case stub.Get("url") != nil:
	case resource != nil:
		c.note("fill in: %s, of type %s", document.Quoted(id), document.Quoted(typeOf(resource)))
	default:
		c.note("fill in: %s", document.Quoted(id))
	}
	c.targetList = append(c.targetList, c.done(mapping(name, stub)))
	c.comments = ofRule
	return name
}

// free returns a name, with a number behind it where another has it already.
func free(name string, named map[string]string) string {
	taken := map[string]bool{}
	for _, other := range named {
		taken[other] = true
	}
	free := name
	for i := 2; taken[free]; i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	return free
}

// stub is a target that logs, where the template does not tell where to send.
func (c *converter) stub(id string, resource *document.Node) *document.Node {
	p := resource.Get("Properties")
	if bus, ok := c.buses[id]; ok {
		return mapping("type", str("bus"), "bus", str(bus))
	}
	if endpoint := p.Get("InvocationEndpoint"); endpoint != nil && endpoint.Kind == document.String && !strings.ContainsAny(endpoint.Text, "*$") {
		return c.destination(endpoint.Text, p)
	}
	return mapping("type", str("log"))
}

// destination is the target that an API destination is.
func (c *converter) destination(url string, p *document.Node) *document.Node {
	out := mapping("type", str("http"), "url", str(url))
	if method := p.Get("HttpMethod"); !method.IsZero() {
		if text := c.text(method); text != "POST" {
			set(out, "method", str(text))
		}
	}
	if rate := p.Get("InvocationRateLimitPerSecond"); !rate.IsZero() {
		if n, err := strconv.Atoi(c.text(rate)); err == nil && n > 0 {
			set(out, "rate_limit", str(strconv.Itoa(n)+"/s"))
		}
	}
	if name, ok := c.connections[reference(p.Get("ConnectionArn"))]; ok {
		set(out, "auth", mapping("connection", str(name)))
	}
	return out
}
