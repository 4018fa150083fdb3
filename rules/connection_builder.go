package rules

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"signalbox/document"
	"signalbox/secret"
	"signalbox/spelling"
	"signalbox/targets"
	"signalbox/targets/http/login"
)

// connectionBuilder reads the logins that targets share by their names.
type connectionBuilder struct {
	*report
	src  *Source
	hash *revision
	all  map[string]*connection
}

// connection is a login as a document declares it.
type connection struct {
	login.Connection
	pos Position
	// configured means that it stands in config.yaml, broken that it is faulty.
	configured, broken, used bool
}

// add reads the connections of one document.
func (b *connectionBuilder) add(c contents) {
	for _, member := range c.connections {
		path := document.In("connection " + strconv.Quote(member.Key))
		if fault := checkName(member.Key); fault != "" {
			b.problems.Add(member.Pos, path, "the name %s", fault)
		}
		if first, again := b.all[member.Key]; again {
			b.problems.Add(member.Pos, path, "is declared twice; it is also at %s: rename one", first.pos)
			continue
		}
		b.all[member.Key] = b.read(member, path, c.noFile)
	}
}

func (b *connectionBuilder) read(member document.Member, path document.Path, noFile bool) *connection {
	n, before := member.Value, b.problems.Len()
	c := &connection{pos: member.Pos, configured: b.src.Connections != nil && b.src.Connections.Pos.File == n.Pos.File}
	c.Name, c.Dir = member.Key, filepath.Dir(member.Pos.File)
	if noFile {
		c.Dir = b.src.Dir
	}
	if n.Kind != document.Mapping {
		b.problems.Add(n.Pos, path, "must be a mapping with auth:, not %s", n.Kind)
	} else if b.dec.Decode(n, &c.Connection, path); b.problems.Len() == before {
		secrets, resolving := b.secrets(c).Resolving()
		v := &targets.Validation{Secrets: secrets, Dir: c.Dir}
		c.Validate(v)
		b.faults(v.Faults(), n, path)
		c.Resolved = resolving.Sum()
		b.hash.add("connection", c.Name, c.Dir, rendered(n))
	}
	c.broken = b.problems.Len() > before
	return c
}

// secrets returns what resolves the references of a connection.
func (b *connectionBuilder) secrets(c *connection) secret.Source {
	if c.configured {
		return b.src.Secrets
	}
	return b.src.Secrets.Limited(b.src.Limits, b.src.Dir)
}

// connect gives a target the connection that it names, and returns it; nil for none. Where
// rule files may not refer to any secret, they can't send those of config.yaml anywhere.
func (b *connectionBuilder) connect(config *targets.Config, n *document.Node, path document.Path, configured bool) *connection {
	user, ok := config.Options.(login.User)
	if !ok || user.LoginOptions() == nil || user.LoginOptions().Connection == "" {
		return nil
	}
	auth := user.LoginOptions()
	at, where := follow(n, path, []string{"auth", "connection"})
	c := b.all[auth.Connection]
	if c == nil {
		b.problems.Add(at.Pos, where, "no connection %q%s; declare it under connections:", auth.Connection, spelling.Suggest(auth.Connection, slices.Sorted(maps.Keys(b.all))))
		return nil
	}
	if c.configured && !configured && len(c.Hosts) == 0 && !b.src.Limits.None() {
		b.problems.Add(at.Pos, where, "connection %q stands in the configuration and may be sent to any host, and secrets: limits what rule files may refer to: give the connection its hosts:", c.Name)
	}
	c.used = true
	auth.Use(&c.Connection)
	return c
}

// unused warns of connections that no target logs in with.
func (b *connectionBuilder) unused() {
	for name, c := range b.all {
		if !c.used && !c.broken {
			b.warnings.Add(c.pos, document.In("connection "+strconv.Quote(name)), "no target logs in with it: name it under auth: of one, as connection: %s, or remove it", name)
		}
	}
}
