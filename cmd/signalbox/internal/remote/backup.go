package remote

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/journal/backup"
)

func newBackupCommand(c *cli.Env) *cobra.Command {
	b := backupCommand{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "backup <directory>",
		Short: "Copy the store of the running router",
		Long: `Copy the store of the running router to a directory on this machine. The router
continues meanwhile. Every event that it acknowledged before the backup began is in
the copy. Until the copy is complete and on disk, the directory is called
<directory>.partial. The key needs the right "admin".

signalbox verify <directory> checks the backup; signalbox restore makes a store of it.`,
		Example: `  signalbox backup /backups/signalbox-monday
  signalbox backup ./copy --url http://router.internal:8080 --api-key "$ADMIN_KEY"`,
		Args: cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), args[0]) },
	}
	b.Flags(cmd)
	return cmd
}

type backupCommand struct{ connect.Command }

func (b *backupCommand) run(ctx context.Context, dir string) error {
	conn, err := b.Client()
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if err := backup.Begin(dir); err != nil {
		return err
	}
	body, err := conn.Store.Backup(ctx)
	if err != nil {
		return backup.Abandon(dir, err)
	}
	defer body.Close()
	tell := cli.NewTally(b.Stderr, "received")
	m, err := backup.Receive(body, dir, tell.Show)
	tell.End()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return b.Print(m, func() error {
		_, err := fmt.Fprintf(b.Stdout, "%s: %d files, %s, as of %s\n", dir, len(m.Files), cli.Megabytes(m.Bytes()), m.Created.Format("2006-01-02 15:04:05Z07:00"))
		return err
	})
}
