package cfn

import (
	"strconv"

	"signalbox/document"
)

// scope is a mapping of the template that is being read, such as the properties of a resource. What is never asked for is
// noted in the end, so that nothing is lost in silence.
type scope struct {
	*converter
	// path is where it stands: Big, or Big.Targets[0].
	path string
	node *document.Node
	read map[string]bool
}

func (c *converter) scope(path string, n *document.Node) *scope {
	c.at = path
	if function, _ := call(c.branch(n)); function != "" {
		n = c.resolve(n)
	}
	return &scope{c, path, c.branch(n), map[string]bool{}}
}

// get returns a member, which is nil where it is absent, null or AWS::NoValue. Notes are about it from now on.
func (s *scope) get(key string) *document.Node {
	s.read[key], s.at = true, s.path+"."+key
	n := s.branch(s.node.Get(key))
	if n.IsZero() {
		return nil
	}
	return n
}

// below returns a mapping that is a member.
func (s *scope) below(key string) *scope { return s.scope(s.path+"."+key, s.get(key)) }

// string returns a member as a text; empty if it is absent.
func (s *scope) string(key string) string {
	if n := s.get(key); n != nil {
		return s.text(n)
	}
	return ""
}

// integer returns a member that must be a number; ok is false if it is absent, or none, which is noted.
func (s *scope) integer(key string) (value int, ok bool) {
	n := s.get(key)
	if n == nil {
		return 0, false
	}
	text := s.text(n)
	value, err := strconv.Atoi(text)
	if err != nil {
		s.lose(s.at, document.Quoted(text)+" is no number: write one")
	}
	return value, err == nil
}

// rest notes the members that nobody has asked for, and why they are left out where that is known.
func (s *scope) rest(why map[string]string) {
	if s.node == nil {
		return
	}
	for _, m := range s.node.Members {
		if s.read[m.Key] || s.branch(m.Value).IsZero() {
			continue
		}
		reason := why[m.Key]
		if reason == "" {
			reason = "rule files have no word for it"
		}
		s.lose(s.path+"."+m.Key, reason)
	}
}

// The reasons why properties are left out.
const (
	byKeys      = "keys have rights here"
	noEncrypted = "nothing is encrypted by key here: encrypt the disk"
	noTags      = "rule files have no tags"
)
