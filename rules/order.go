package rules

import (
	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/targets"
)

// orderBy compiles the expression of a target's ordering keys.
func (b *builder) orderBy(config *targets.Config, n *document.Node, path document.Path) {
	at := n.Get("order_by")
	if at == nil || at.Kind != document.String {
		return
	}
	key, err := exprenv.CompileOrderKey(config.OrderBy)
	if err != nil {
		b.exprFault(at, path.Key("order_by"), err)
		return
	}
	b.set.Orders[config.Name] = key
}
