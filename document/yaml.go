package document

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"signalbox/spelling"
)

// yamlReader turns the parser's tree into nodes: it resolves aliases, and gives
// plain scalars the types that JSON has.
type yamlReader struct {
	file    string
	lines   [][]byte
	anchors map[string]*Node
	// open holds the anchors whose value is being read, so that a cycle is seen.
	open map[string]bool
	// functions takes tags such as !GetAtt for functions of CloudFormation.
	functions bool
}

func parseYAML(file string, src []byte, functions bool) (*Node, error) {
	if n, ok := quickYAML(file, src); ok {
		return n, nil
	}
	return slowYAML(file, src, functions)
}

// slowYAML reads all of YAML.
func slowYAML(file string, src []byte, functions bool) (n *Node, err error) {
	// The parser is third-party code that reads what anybody may write; a panic in
	// it must cost one file, not the router.
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, problem(Position{File: file}, "the YAML parser gave up on this file (%v); simplify it", r)
		}
	}()
	tokens := lexer.Tokenize(string(src))
	if deep := tooDeep(tokens); deep != nil {
		return nil, problem(tokenPosition(file, deep), "values nest deeper than %d", MaxDepth)
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxProblem(file, err)
	}
	r := &yamlReader{
		file:    file,
		lines:   bytes.Split(src, []byte("\n")),
		anchors: map[string]*Node{},
		open:    map[string]bool{},

		functions: functions,
	}
	body, err := r.oneDocument(tree)
	if err != nil || body == nil {
		return nil, err
	}
	return r.node(body, 1)
}

// oneDocument picks the file's only document; directives stand in documents of
// their own in the parser's tree.
func (r *yamlReader) oneDocument(tree *ast.File) (ast.Node, error) {
	var body ast.Node
	for _, doc := range tree.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); directive || doc.Body == nil {
			continue
		}
		if body != nil {
			pos := r.position(doc.Body)
			return nil, problem(pos, "a second YAML document; a file holds one: put it into a file of its own, or remove the --- line above")
		}
		body = doc.Body
	}
	return body, nil
}

func syntaxProblem(file string, err error) *Problem {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return &Problem{Pos: Position{File: file}, Message: err.Error()}
	}
	if before := syntax.GetToken().Prev; before != nil && before.Type == token.AliasType {
		return problem(tokenPosition(file, before), "YAML: write \"*\" in quotes: without them it refers to an anchor")
	}
	for tk, n := syntax.GetToken(), 0; tk != nil && n < 4; tk, n = tk.Prev, n+1 {
		if text := tk.Prev; text != nil && text.Type == token.StringType && (tk.Type == token.SequenceStartType || tk.Type == token.MappingStartType) {
			return problem(tokenPosition(file, text), "YAML: put quotes around what begins with %s: without them the %s in it begins a list or a mapping", text.Value, tk.Value)
		}
	}
	return problem(tokenPosition(file, syntax.GetToken()), "YAML: %s", syntax.GetMessage())
}

// tooDeep finds the first token that nests deeper than MaxDepth. The parser
// recurses, and costs the square of the depth, so this is asked before it runs.
func tooDeep(tokens token.Tokens) *token.Token {
	var blocks []int // columns of the open block collections
	flow := 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType:
			blocks = openBlock(blocks, tk.Position.Column)
		case token.MappingValueType:
			if flow == 0 && tk.Prev != nil {
				blocks = openBlock(blocks, tk.Prev.Position.Column)
			}
		}
		if flow+len(blocks) > MaxDepth {
			return tk
		}
	}
	return nil
}

func openBlock(blocks []int, column int) []int {
	for len(blocks) > 0 && blocks[len(blocks)-1] >= column {
		blocks = blocks[:len(blocks)-1]
	}
	return append(blocks, column)
}

func tokenPosition(file string, tk *token.Token) Position {
	if tk == nil || tk.Position == nil {
		return Position{File: file}
	}
	return Position{File: file, Line: tk.Position.Line, Column: tk.Position.Column}
}

// position is where a value begins; the parser gives a block mapping the place
// of its first colon.
func (r *yamlReader) position(n ast.Node) Position {
	switch v := n.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return r.position(v.Values[0])
		}
	case *ast.MappingValueNode:
		return r.position(v.Key)
	}
	return tokenPosition(r.file, n.GetToken())
}

func (r *yamlReader) node(n ast.Node, depth int) (*Node, error) {
	if n == nil {
		return &Node{Pos: Position{File: r.file}, size: 1}, nil
	}
	pos := r.position(n)
	if depth > MaxDepth {
		return nil, problem(pos, "values nest deeper than %d", MaxDepth)
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		return r.mapping(v.Values, pos, depth)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{v}, pos, depth)
	case *ast.SequenceNode:
		return r.sequence(v, pos, depth)
	case *ast.AnchorNode:
		return r.anchor(v, pos, depth)
	case *ast.AliasNode:
		return r.alias(v, pos, depth)
	case *ast.TagNode:
		return r.tag(v, pos, depth)
	case *ast.LiteralNode:
		return r.block(v, pos)
	}
	return r.scalar(n, pos)
}

func (r *yamlReader) sequence(v *ast.SequenceNode, pos Position, depth int) (*Node, error) {
	n := &Node{Kind: Sequence, Pos: pos, size: 1}
	for _, value := range v.Values {
		item, err := r.node(value, depth+1)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
		n.holds(item)
		if err := bounded(n, depth); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// bounded checks what aliases can blow up though the file itself is small.
func bounded(n *Node, depth int) error {
	switch {
	case n.size > MaxNodes:
		return problem(n.Pos, "more than %d values in one file, its aliases expanded: divide it into several", MaxNodes)
	case depth+n.height > MaxDepth:
		return problem(n.Pos, "values nest deeper than %d", MaxDepth)
	}
	return nil
}

func (r *yamlReader) mapping(values []*ast.MappingValueNode, pos Position, depth int) (*Node, error) {
	n := &Node{Kind: Mapping, Pos: pos, size: 1}
	var merges []*Node
	for _, mv := range values {
		value, err := r.node(mv.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if mv.Key.IsMergeKey() {
			merges = append(merges, value)
			continue
		}
		key, keyPos, err := r.key(mv.Key)
		if err != nil {
			return nil, err
		}
		n.Members = append(n.Members, Member{Key: key, Pos: keyPos, Value: value})
		n.holds(value)
		if err := bounded(n, depth); err != nil {
			return nil, err
		}
	}
	if len(merges) == 0 {
		return n, nil
	}
	if err := n.merge(merges); err != nil {
		return nil, err
	}
	return n, bounded(n, depth)
}

// merge adds what `<<` brings in and the mapping does not say itself.
func (n *Node) merge(merges []*Node) error {
	said := make(map[string]bool, len(n.Members))
	for _, member := range n.Members {
		said[member.Key] = true
	}
	for _, m := range merges {
		sources := []*Node{m}
		if m.Kind == Sequence {
			sources = m.Items
		}
		for _, source := range sources {
			if source.Kind != Mapping {
				return problem(source.Pos, "<< merges a mapping or a list of mappings, not %s", source.Kind)
			}
			for _, member := range source.Members {
				if !said[member.Key] {
					said[member.Key] = true
					n.Members = append(n.Members, member)
					n.holds(member.Value)
				}
			}
		}
	}
	return nil
}

func (r *yamlReader) key(k ast.MapKeyNode) (string, Position, error) {
	pos := r.position(k)
	n, err := r.node(k, 1)
	if explicit, ok := k.(*ast.MappingKeyNode); ok {
		n, err = r.node(explicit.Value, 1)
	}
	if err != nil {
		return "", pos, err
	}
	switch n.Kind {
	case Mapping, Sequence:
		return "", pos, problem(pos, "a key must be a string, not %s", n.Kind)
	case Null:
		return "null", pos, nil
	}
	return n.Text, pos, nil
}

func (r *yamlReader) anchor(v *ast.AnchorNode, pos Position, depth int) (*Node, error) {
	name := v.Name.GetToken().Value
	if _, taken := r.anchors[name]; taken {
		return nil, problem(pos, "the anchor &%s is defined twice", name)
	}
	r.open[name] = true
	n, err := r.node(v.Value, depth)
	delete(r.open, name)
	if err != nil {
		return nil, err
	}
	r.anchors[name] = n
	return n, nil
}

func (r *yamlReader) alias(v *ast.AliasNode, pos Position, depth int) (*Node, error) {
	name := v.Value.GetToken().Value
	if r.open[name] {
		return nil, problem(pos, "the alias *%s stands inside its own anchor: a cycle", name)
	}
	n, ok := r.anchors[name]
	if !ok {
		known := make([]string, 0, len(r.anchors))
		for a := range r.anchors {
			known = append(known, a)
		}
		return nil, problem(pos, "no anchor &%s before this alias%s", name, spelling.Suggest(name, known))
	}
	if depth+n.height > MaxDepth {
		return nil, problem(pos, "values nest deeper than %d", MaxDepth)
	}
	return n, nil
}

func (r *yamlReader) tag(v *ast.TagNode, pos Position, depth int) (*Node, error) {
	name := v.Start.Value
	function, isFunction := strings.CutPrefix(name, "!")
	isFunction = isFunction && !strings.HasPrefix(function, "!")
	switch {
	case isFunction && r.functions:
		return r.function(function, v.Value, pos, depth)
	case isFunction && slices.Contains(templateFunctions, function):
		return nil, problem(pos, "%s is of CloudFormation: signalbox import %s makes a rule file of a template", name, r.file)
	case name != "!!str" || v.Value == nil:
		return nil, problem(pos, "the tag %s is not supported; quote a value to make it a string", name)
	}
	n, err := r.node(v.Value, depth)
	if err != nil {
		return nil, err
	}
	if n.Kind == Mapping || n.Kind == Sequence {
		return nil, problem(pos, "!!str before %s", n.Kind)
	}
	text := *n
	text.Kind, text.style = String, tagged
	return &text, nil
}

// templateFunctions are the functions of CloudFormation that have a tag.
var templateFunctions = []string{"Ref", "GetAtt", "Sub", "Join", "Select", "Split", "If", "Equals", "And", "Or", "Not", "Condition",
	"FindInMap", "ImportValue", "Base64", "Cidr", "GetAZs", "Transform", "Length", "ToJsonString", "ForEach"}

// function returns the long form of a function's tag.
func (r *yamlReader) function(name string, value ast.Node, pos Position, depth int) (*Node, error) {
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	arg, err := r.node(value, depth+1)
	if err != nil {
		return nil, err
	}
	n := &Node{Kind: Mapping, Pos: pos, size: 1, Members: []Member{{Key: name, Pos: pos, Value: arg}}}
	n.holds(arg)
	return n, bounded(n, depth)
}

func (r *yamlReader) block(v *ast.LiteralNode, pos Position) (*Node, error) {
	n := &Node{Kind: String, Pos: pos, Text: v.Value.Value, style: folded, size: 1}
	if strings.HasPrefix(v.Start.Value, "|") {
		n.style = literal
		n.indent = r.indentOf(n)
	}
	return n, nil
}

// indentOf is how far the lines of a literal block are indented in the file.
func (r *yamlReader) indentOf(n *Node) int {
	for i, text := range strings.Split(n.Text, "\n") {
		at := n.Pos.Line + i
		if strings.TrimSpace(text) == "" || at >= len(r.lines) {
			continue
		}
		line := strings.TrimRight(string(r.lines[at]), "\r")
		return max(0, utf8.RuneCountInString(line)-utf8.RuneCountInString(text))
	}
	return 0
}

func (r *yamlReader) scalar(node ast.Node, pos Position) (*Node, error) {
	tk := node.GetToken()
	n := &Node{Kind: String, Pos: pos, Text: tk.Value, size: 1}
	switch v := node.(type) {
	case *ast.StringNode:
		n.Text = v.Value
		if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
			n.style = quoted
			if !utf8.ValidString(n.Text) {
				return nil, problem(pos, "the string's escapes make invalid UTF-8")
			}
			return n, nil
		}
	case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
	default:
		return nil, problem(pos, "%s is not supported here", fmt.Sprintf("%T", node)[len("*ast."):])
	}
	n.Kind = plainKind(n.Text, tk.Type == token.ImplicitNullType)
	if n.Kind == Null {
		n.Text = ""
	}
	return n, nil
}

// plainKind returns for a plain scalar the type that the same text has in JSON; what
// JSON does not know (yes, 0x10, 1_000, a date) is a string. YAML's own
// spelling of nothing, ~ or no text at all, is null.
func plainKind(text string, empty bool) Kind {
	switch {
	case empty, text == "", text == "~", text == "null":
		return Null
	case text == "true", text == "false":
		return Bool
	case IsNumber(text):
		return Number
	}
	return String
}

// IsNumber reports whether a text is a number by JSON's grammar.
func IsNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if strings.HasPrefix(s, ".") {
		fraction := digits(s[1:])
		if fraction == 0 {
			return false
		}
		s = s[1+fraction:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && digits(s) == len(s)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// IsAmbiguous reports whether a plain scalar is read as a string here, but as a
// truth value or a number by other YAML readers: yes, True, 0x10, 1_000.
func (n *Node) IsAmbiguous() bool {
	if n.Kind != String || n.style != plain || n.Text == "" {
		return false
	}
	switch strings.ToLower(n.Text) {
	case "yes", "no", "on", "off", "true", "false", "null", ".inf", "-.inf", "+.inf", ".nan":
		return true
	}
	if c := n.Text[0] | 0x20; c >= 'a' && c <= 'z' {
		return false // no number, and finding that out is dear
	}
	return token.ToNumber(n.Text) != nil
}
