package offline

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signalbox/catalog"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/spelling"
)

func newCatalogCommand(c *cli.Env, discover *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Look at the declared types of messages",
		Long: `The catalog declares the types of messages: of which kind each is, who may send
it, and what its detail looks like. signalbox check finds its faults.`,
		Example: "  signalbox catalog list\n  signalbox catalog show OrderCreated\n  signalbox catalog discover\n  signalbox catalog export --format html > catalog.html",
		Args:    cli.NoSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCatalogListCommand(c), newCatalogShowCommand(c), discover, newCatalogExportCommand(c))
	return cmd
}

func newCatalogListCommand(c *cli.Env) *cobra.Command {
	var output cli.Format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the declared types",
		Long: `List the types that the configuration's catalog files declare. Needs no running
router.`,
		Example: "  signalbox catalog list\n  signalbox catalog list --output json",
		Args:    cli.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, set, err := c.Load()
			if err != nil {
				return err
			}
			if output == cli.JSON {
				return cli.PrintJSON(c.Stdout, append([]*catalog.Type{}, set.Catalog.Types...))
			}
			return listTypes(c, set.Catalog.Types)
		},
	}
	output.Flag(cmd)
	return cmd
}

func listTypes(c *cli.Env, types []*catalog.Type) error {
	if len(types) == 0 {
		fmt.Fprintln(c.Stderr, "no types are declared: name catalog files under catalog: in the configuration")
		return nil
	}
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TYPE\tKIND\tVERSION\tOWNER\tSOURCES\tSCHEMA")
	for _, t := range types {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.Kind, orDash(t.Version), orDash(t.Owner),
			orDash(strings.Join(t.Sources, ", ")), yesNo(t.Schema != nil))
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func newCatalogShowCommand(c *cli.Env) *cobra.Command {
	var version string
	var output cli.Choice
	cmd := &cobra.Command{
		Use:     "show <type>",
		Short:   "Print a declared type as JSON",
		Long:    "Print all versions of a declared type, or one, as JSON. Needs no running router.",
		Example: "  signalbox catalog show OrderCreated --version 2",
		Args:    cli.Takes(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, set, err := c.Load()
			if err != nil {
				return err
			}
			all := set.Catalog.Versions(args[0])
			if len(all) == 0 {
				return fmt.Errorf("no type %q is declared%s", args[0], spelling.Suggest(args[0], set.Catalog.Names()))
			}
			if version == "" {
				return cli.PrintJSON(c.Stdout, all)
			}
			i := slices.IndexFunc(all, func(t *catalog.Type) bool { return t.Version == version })
			if i < 0 {
				return fmt.Errorf("type %q has no version %q", args[0], version)
			}
			return cli.PrintJSON(c.Stdout, all[i])
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "only this version")
	output.FlagOf(cmd, cli.JSON)
	return cmd
}

func newCatalogExportCommand(c *cli.Env) *cobra.Command {
	var to cli.Choice
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the catalog as AsyncAPI, Markdown or HTML",
		Long: `Print the catalog as a document of AsyncAPI 3.0 (in JSON, which is YAML too), as a
page in Markdown, or as a page in HTML that needs no other file. --format and
--output are the same.`,
		Example: "  signalbox catalog export --format asyncapi > asyncapi.json\n  signalbox catalog export --format html > catalog.html",
		Args:    cli.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, set, err := c.Load()
			if err != nil {
				return err
			}
			switch to.Format {
			case "markdown":
				return set.Catalog.WriteMarkdown(c.Stdout)
			case "html":
				return set.Catalog.WriteHTML(c.Stdout)
			}
			return set.Catalog.WriteAsyncAPI(c.Stdout, set.Revision)
		},
	}
	to.FlagOf(cmd, "asyncapi", "markdown", "html")
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "format" {
			name = "output"
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}
