package offline

import (
	"io"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/flow"
)

func newGraphCommand(c *cli.Env) *cobra.Command {
	var output cli.Choice
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
		Args: cli.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			f, err := flowOf(c)
			if err != nil {
				return err
			}
			write := map[cli.Format]func(io.Writer, *flow.Graph) error{"svg": flow.WriteSVG, "dot": flow.WriteDOT, "mermaid": flow.WriteMermaid, cli.JSON: flow.WriteGraphJSON}
			return write[output.Format](c.Stdout, f.Graph())
		},
	}
	output.FlagOf(cmd, "svg", "dot", "mermaid", cli.JSON)
	return cmd
}
