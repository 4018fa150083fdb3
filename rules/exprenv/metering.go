package exprenv

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// costs reports whether the work of an expression can grow faster than what it looks
// at, or is far slower: regular expressions. All else is done once, and takes no
// longer than reading the event did.
func costs(root ast.Node) bool {
	return ast.Find(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BuiltinNode:
			return n.Name == "uniq"
		case *ast.BinaryNode:
			return n.Operator == "matches"
		case *ast.PredicateNode:
			return true
		}
		return false
	}) != nil
}

// metering makes an expression pay for its loops from the budget of its run: a
// step for each turn, and within loops more for what goes through texts and lists.
// It is an ast.Visitor.
type metering struct{}

// Visit is called for each node, after those below it.
func (metering) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		ast.Walk(&n.Node, looping{})
		body := n.Node
		n.Node = &ast.SequenceNode{Nodes: []ast.Node{pay(payTurn, &ast.NilNode{}, body), body}}
		n.Node.SetLocation(body.Location())
	case *ast.BuiltinNode:
		if n.Name == "uniq" {
			charge(payPairs, &n.Arguments[0])
		}
	case *ast.BinaryNode:
		if n.Operator == "matches" {
			chargeOperator(n)
		}
	}
}

// looping is metering for what is within a loop.
type looping struct{}

// Visit is called for each node, after those below it.
func (looping) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		chargeOperator(n)
	case *ast.BuiltinNode:
		chargeBuiltin(n)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok && slices.Contains(boundedNames, name.Value) {
			for i := range n.Arguments {
				charge(payValue, &n.Arguments[i])
			}
			charge(paySlow, node)
		}
	}
}

func chargeOperator(n *ast.BinaryNode) {
	switch n.Operator {
	case "in":
		charge(payList, &n.Right)
	case "matches":
		charge(paySlow, &n.Left)
		charge(paySlow, &n.Right)
	case "contains", "startsWith", "endsWith":
		charge(payText, &n.Left)
	case "==", "!=":
		// Against a constant the comparison ends with the constant.
		if !constant(n.Left) && !constant(n.Right) {
			charge(payValue, &n.Left)
		}
	case "<", "<=", ">", ">=":
		if !constant(n.Left) && !constant(n.Right) {
			charge(payText, &n.Left)
		}
	case "+":
		charge(payText, &n.Left)
		charge(payText, &n.Right)
	}
}

// quick are the builtins that take no longer for a large argument.
var quick = []string{"type", "abs", "ceil", "floor", "round", "int", "float", "first", "last", "get", "duration", "date", "timezone"}

func chargeBuiltin(n *ast.BuiltinNode) {
	if slices.Contains(quick, n.Name) {
		return
	}
	how := payValue
	if n.Name == "len" {
		how = payText // of lists the length is known
	}
	for i := range n.Arguments {
		if _, loop := n.Arguments[i].(*ast.PredicateNode); loop {
			return // the turns have been paid for
		}
	}
	for i := range n.Arguments {
		charge(how, &n.Arguments[i])
	}
}

// charge puts what pays for a node in the place of the node.
func charge(how string, node *ast.Node) {
	if !constant(*node) {
		*node = pay(how, *node, *node)
	}
}

// pay is a call that pays for arg, and stands where at does. Its type is that of
// arg.
func pay(how string, arg, at ast.Node) ast.Node {
	callee := &ast.IdentifierNode{Value: how}
	callee.SetType(reflect.TypeFor[func(...any) any]())
	call := &ast.CallNode{Callee: callee, Arguments: []ast.Node{arg}}
	call.SetNature(*arg.Nature())
	callee.SetLocation(at.Location())
	call.SetLocation(at.Location())
	return call
}

// constant reports whether a node is as large in all events, or pays already.
func constant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BytesNode, *ast.ConstantNode, *ast.ArrayNode, *ast.MapNode:
		return true
	case *ast.BinaryNode:
		return n.Operator == ".." // the memory of expressions is bounded
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && callee.Value[0] == ' '
	}
	return false
}
