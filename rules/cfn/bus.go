package cfn

import (
	"slices"
	"strings"

	"signalbox/document"
)

// bus declares a bus of the template.
func (c *converter) bus(m document.Member) {
	c.comments = nil
	s := c.scope(m.Key, m.Value.Get("Properties"))
	c.conditional(m.Key, m.Value)
	name := m.Key
	if given := s.string("Name"); given != "" {
		name = given
	}
	bus := mapping()
	if d := s.string("Description"); d != "" {
		set(bus, "description", str(d))
	}
	s.rest(map[string]string{
		"DeadLetterConfig": "it gets what can't be decrypted, and nothing is encrypted here", "KmsKeyIdentifier": noEncrypted, "Tags": noTags, "Policy": byKeys,
		"EventSourceName": "sources and hooks take events of others in here", "LogConfig": "the router logs by itself",
	})
	c.at = m.Key
	c.declareBus(m.Key, name, bus)
}

// maxBusName is how long the name of a bus can be.
const maxBusName = 256

// declareBus declares a bus that the template calls key, and returns its name.
func (c *converter) declareBus(key, name string, bus *document.Node) string {
	if name == "default" || name == "" {
		if len(bus.Members) > 0 || len(c.comments) > 0 {
			c.busList = append(c.busList, c.done(mapping("default", bus)))
		}
		c.buses[key] = "default"
		return "default"
	}
	parts := strings.Split(name, "/") // as a partner's bus has them
	for i := range parts {
		parts[i] = strings.Trim(notInNames.ReplaceAllString(parts[i], "-"), "-")
	}
	tidied := strings.Join(parts, "/")
	tidied = tidied[:min(len(tidied), maxBusName)]
	if tidied == "" {
		tidied = "unnamed"
	}
	if tidied != name {
		c.note("%s is called %s here", document.Quoted(name), tidied)
	}
	if c.buses[key] = tidied; !slices.ContainsFunc(c.busList, func(e entry) bool { return e.node.Members[0].Key == tidied }) {
		c.busList = append(c.busList, c.done(mapping(tidied, bus)))
	}
	return tidied
}

// busOf returns the name of the bus that a name, an ARN or a reference stands for. It is declared where the template does
// not.
func (c *converter) busOf(n *document.Node) string {
	if n.IsZero() {
		return "default"
	}
	if name, ok := c.buses[reference(n)]; ok {
		return name
	}
	name := c.text(n)
	if _, after, ok := strings.Cut(name, ":event-bus/"); ok {
		name = after
	}
	if known, ok := c.buses[name]; ok {
		return known
	}
	ofRule := c.comments
	c.comments = nil
	name = c.declareBus(name, name, mapping())
	c.comments = append(ofRule, c.comments...)
	return name
}

// archive declares an archive, whose events lie in a folder here.
func (c *converter) archive(m document.Member) {
	c.conditional(m.Key, m.Value)
	s := c.scope(m.Key, m.Value.Get("Properties"))
	name := m.Key
	if given := s.string("ArchiveName"); given != "" {
		name = s.named(given)
	}
	archive := mapping()
	if d := s.string("Description"); d != "" {
		set(archive, "description", str(d))
	}
	source := s.get("SourceArn")
	if source == nil {
		c.leave("%s: it has no SourceArn: write archives: with the bus", m.Key)
		return
	}
	set(archive, "bus", str(s.busOf(source)))
	if p := s.get("EventPattern"); p != nil {
		set(archive, "pattern", s.pattern(p))
	}
	if days, ok := s.integer("RetentionDays"); ok {
		set(archive, "retention_days", number(days))
	}
	set(archive, "folder", str("archive"))
	s.rest(map[string]string{"KmsKeyIdentifier": noEncrypted})
	c.at = m.Key
	c.note("it lies in the folder archive: write another, or s3:")
	c.archiveList = append(c.archiveList, c.done(mapping(name, archive)))
}
