package main

import (
	"io"

	"github.com/spf13/cobra"

	"signalbox/flow"
)

func newGraphCommand(c *cli) *cobra.Command {
	var output choice
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Draw which messages lead to which, through rules and targets",
		Long: `Draw producers, the messages that they send, the rules that take those, the targets
that act on them, and the messages that come of it (as declared under emits:). What
leads back to itself is red; messages that nothing takes are marked. Needs no running
router.`,
		Example: `  signalbox graph > flow.svg
  signalbox graph --output mermaid
  signalbox graph --output dot | dot -Tpdf > flow.pdf`,
		Args: takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			f, err := c.flow()
			if err != nil {
				return err
			}
			write := map[format]func(io.Writer, *flow.Graph) error{"svg": flow.WriteSVG, "dot": flow.WriteDOT, "mermaid": flow.WriteMermaid, formatJSON: flow.WriteGraphJSON}
			return write[output.format](c.stdout, f.Graph())
		},
	}
	output.flagOf(cmd, "svg", "dot", "mermaid", formatJSON)
	return cmd
}
