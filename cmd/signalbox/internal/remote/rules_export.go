package remote

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newExportCommand(c *connect.Command) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print what was made by EventBridge's API as rule files",
		Long: `Print the rules, buses, archives, connections and API destinations that were made
by EventBridge's API, each as the rule file that it is, and the targets that were
made of ARNs. With --to they are written into a folder, which can be a folder of
rule files of another router. Secrets of connections stay encrypted: that router
needs the same secret_keys.`,
		Example: "  signalbox rules export\n  signalbox rules export --to rules/exported",
		Args:    cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return connect.Ask(cmd.Context(), c, func(ctx context.Context, conn *client.Client) (api.RuleDocuments, error) {
				return conn.Rules.Documents(ctx)
			}, func(d api.RuleDocuments) error {
				if to != "" {
					return writeDocuments(c.Stdout, to, d.Documents)
				}
				return printDocuments(c.Stdout, d.Documents)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "write the files into this folder; none of them may exist yet")
	c.Output.Flag(cmd)
	return cmd
}

func printDocuments(w io.Writer, all []api.RuleDocument) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nothing was made by API")
		return err
	}
	w = cli.NewPrintable(w)
	for _, d := range all {
		if _, err := fmt.Fprintf(w, "# %s\n%s", d.Name, d.Text); err != nil {
			return err
		}
	}
	return nil
}

// fileName is that of a document: names of buses may have slashes, and the folders of rule files have none.
func fileName(path string) string { return strings.ReplaceAll(path, "/", "-") }

func writeDocuments(w io.Writer, dir string, all []api.RuleDocument) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range all {
		path := filepath.Join(dir, fileName(d.Name))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if os.IsExist(err) {
			return fmt.Errorf("%s exists already: remove it, or name another folder", path)
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(d.Text)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s written to %s\n", cli.Count(len(all), "file"), dir)
	return err
}
