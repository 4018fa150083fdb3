package rules

import (
	"maps"
	"slices"
	"strconv"

	"signalbox/document"
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
	pos  map[string]Position
}

// Connection is a login that targets share, and where it is declared.
type Connection struct {
	login.Connection
	Pos Position
}

// connection is a login as a document declares it.
type connection struct {
	Connection
	// configured means that it stands in config.yaml, made that it is of no file, broken that it is faulty.
	configured, made, broken, used bool
}

// add reads the connections of one document.
func (b *connectionBuilder) add(c contents) {
	for _, member := range c.connections {
		if path, ok := b.declared("connection", member, b.pos); ok {
			b.all[member.Key] = b.read(member, path, c.noFile)
		}
	}
}

// connections returns all of them.
func (b *connectionBuilder) connections() map[string]*Connection {
	out := map[string]*Connection{}
	for name, c := range b.all {
		out[name] = &c.Connection
	}
	return out
}

func (b *connectionBuilder) read(member document.Member, path document.Path, noFile bool) *connection {
	n, before := member.Value, b.problems.Len()
	c := &connection{configured: standsIn(b.src.Connections, n), made: noFile}
	dir, secrets := b.src.surroundings(b.src.Connections, member, noFile)
	c.Name, c.Dir, c.Pos = member.Key, dir, n.Pos
	if n.Kind != document.Mapping {
		b.problems.Add(n.Pos, path, "must be a mapping with auth:, not %s", n.Kind)
	} else if b.dec.Decode(n, &c.Connection.Connection, path); b.problems.Len() == before {
		resolver, resolving := secrets.Resolving()
		v := &targets.Validation{Secrets: resolver, Dir: c.Dir}
		c.Validate(v)
		b.faults(v.Faults(), n, path)
		c.Resolved = resolving.Sum()
		b.hash.add("connection", c.Name, c.Dir, rendered(n))
	}
	c.broken = b.problems.Len() > before
	return c
}

// connect gives a target the connection that it names, and returns it; nil for none. Where
// rule files may not refer to any secret, they can't send those of config.yaml, or of an API, anywhere;
// trusted means that the target is of these itself.
func (b *connectionBuilder) connect(config *targets.Config, n *document.Node, path document.Path, trusted bool) *connection {
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
	switch limited := !trusted && len(c.Hosts) == 0 && !b.src.Limits.None(); {
	case limited && c.made:
		b.problems.Add(at.Pos, where, "connection %q was made by API and may be sent to any host, and secrets: limits what rule files may refer to: make an API destination with it", c.Name)
	case limited && c.configured:
		b.problems.Add(at.Pos, where, "connection %q stands in the configuration and may be sent to any host, and secrets: limits what rule files may refer to: give the connection its hosts:", c.Name)
	}
	c.used = true
	auth.Use(&c.Connection.Connection)
	return c
}

// unused warns of connections that no target logs in with.
func (b *connectionBuilder) unused() {
	for name, c := range b.all {
		if !c.used && !c.broken {
			b.warnings.Add(b.pos[name], document.In("connection "+strconv.Quote(name)), "no target logs in with it: name it under auth: of one, as connection: %s, or remove it", name)
		}
	}
}
