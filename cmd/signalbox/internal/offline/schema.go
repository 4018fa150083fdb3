package offline

import (
	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/schema"
)

func newSchemaCommand(c *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema config|rules|catalog|tests",
		Short: "Print the JSON Schema of a kind of file",
		Long: `Print the JSON Schema of config.yaml, rule files, catalog files or rule test files.
An editor with the YAML language server completes and checks a file whose first line
names it:

  # yaml-language-server: $schema=schema/rules.json

The path starts at the file. A running router has the same at /v1/schemas/rules.`,
		Example:   "  signalbox schema rules > schema/rules.json\n  signalbox schema config",
		Args:      cli.Takes(1, 1),
		ValidArgs: schema.Names,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := schema.Of(args[0])
			if err != nil {
				return cli.WrongUsage("%w", err)
			}
			_, err = c.Stdout.Write(text)
			return err
		},
	}
}
