// Package remote is the commands that ask a running router, over HTTP.
package remote

import (
	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
)

// Commands returns the commands of this package. Each has a file of its own.
func Commands(c *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		newSendCommand(c), newEventsCommand(c), newTailCommand(c), newReplayCommand(c), newReplaysCommand(c), newExplainCommand(c), newTraceCommand(c), newWorkCommand(c), newStateCommand(c),
		newKeysCommand(c), newTargetsCommand(c), newRulesCommand(c), newDiffCommand(c), newTemplateCommand(c), newReloadCommand(c), newSourcesCommand(c), newAuditCommand(c), newBackupCommand(c), newHealthCommand(c),
	}
}
