// Package offline is the commands that need no running router: they read the configuration,
// the rules, or the store.
package offline

import (
	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
)

// Commands returns the commands of this package. Each has a file of its own. discover
// asks a running router, and is called as a command of the catalog.
func Commands(c *cli.Env, discover *cobra.Command) []*cobra.Command {
	return []*cobra.Command{
		newInitCommand(c), newCheckCommand(c), newImportCommand(c), newTestCommand(c), newSchemaCommand(c), newMatchCommand(c), newCatalogCommand(c, discover), newTableCommand(c),
		newGraphCommand(c), newVerifyCommand(c), newRestoreCommand(c), newBenchCommand(c),
	}
}
