package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/journal/backup"
)

func newBackupCommand(c *cli) *cobra.Command {
	b := backupCommand{cli: c}
	cmd := &cobra.Command{
		Use:   "backup <directory>",
		Short: "Copy the store of the running router",
		Long: `Copy the store of the running router to a directory on this machine. The router goes
on meanwhile; every event that it acknowledged before the backup began is in it. The
directory gets its name once the copy is whole and on disk; until then it is called
<directory>.partial. The key needs the right "admin".

signalbox verify <directory> checks the backup; signalbox restore makes a store of it.`,
		Example: `  signalbox backup /backups/signalbox-monday
  signalbox backup ./copy --url http://router.internal:8080 --api-key "$ADMIN_KEY"`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), args[0]) },
	}
	b.connection.flags(cmd)
	b.output.flag(cmd)
	return cmd
}

type backupCommand struct {
	*cli
	connection
	output format
}

func (b *backupCommand) run(ctx context.Context, dir string) error {
	conn, err := b.client(b.connection)
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
	tell := newTally(b.stderr, "received")
	m, err := backup.Receive(body, dir, tell.show)
	tell.end()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	if b.output == formatJSON {
		return printJSON(b.stdout, m)
	}
	_, err = fmt.Fprintf(b.stdout, "%s: %d files, %s, as of %s\n", dir, len(m.Files), megabytes(m.Bytes()), m.Created.Format("2006-01-02 15:04:05Z07:00"))
	return err
}

// megabytes writes a number of bytes for people.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// tally tells a terminal how many bytes of a long work are done, and nobody else.
type tally struct {
	w     io.Writer
	what  string
	shown int64 // in bytes
}

func newTally(w io.Writer, what string) *tally {
	if !isTerminal(w) {
		return &tally{}
	}
	return &tally{w: streamOf(w).(io.Writer), what: what}
}

// tallyStep is how many bytes lie between two lines.
const tallyStep = 16 << 20

func (t *tally) show(n int64) {
	if t.w == nil || n < t.shown+tallyStep {
		return
	}
	t.shown = n
	fmt.Fprintf(t.w, "\r%s %s ", megabytes(n), t.what)
}

func (t *tally) end() {
	if t.shown > 0 {
		fmt.Fprintln(t.w)
	}
}
