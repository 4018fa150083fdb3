package offline

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/schema"
)

// project is what init writes.
//
//go:embed all:project
var project embed.FS

func newInitCommand(c *cli.Env) *cobra.Command {
	i := initCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "init <directory>",
		Short: "Write a small project: a configuration, a rule and its tests",
		Long: `Write a small project that works as it is: a configuration, a rule file, tests of the
rules, an event, JSON Schemas for editors, and a README that says what to type. The
directory is made where it does not exist. Where a file is there already, nothing is
written.`,
		Example: "  signalbox init events && cd events && signalbox serve",
		Args:    cli.Takes(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return i.run(filepath.Clean(args[0])) },
	}
	i.output.Flag(cmd)
	return cmd
}

type initCommand struct {
	*cli.Env
	output cli.Format
}

// written is what init tells a program.
type written struct {
	Directory string   `json:"directory"`
	Files     []string `json:"files"`
}

func (i *initCommand) run(dir string) error {
	files, err := projectFiles()
	if err != nil {
		return err
	}
	for _, name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = errors.New("it exists already; nothing was written: name another directory, or move the file away")
			}
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
	}
	for _, name := range files {
		if err := writeProjectFile(dir, name); err != nil {
			return err
		}
	}
	if i.output == cli.JSON {
		return cli.PrintJSON(i.Stdout, written{dir, files})
	}
	_, err = fmt.Fprintf(i.Stdout, "%s: %s\nContinue with: cd %s && signalbox serve\n", dir, strings.Join(files, " "), dir)
	return err
}

// projectFiles returns the paths of the project's files.
func projectFiles() (files []string, err error) {
	err = fs.WalkDir(project, "project", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, "project/"))
		}
		return err
	})
	return append(files, "schema/config.json", "schema/rules.json", "schema/tests.json"), err
}

// projectFile returns the content of one of the project's files.
func projectFile(name string) ([]byte, error) {
	if kind, ok := strings.CutPrefix(name, "schema/"); ok {
		return schema.Of(strings.TrimSuffix(kind, ".json"))
	}
	return project.ReadFile("project/" + name)
}

// writeProjectFile writes one file, and never over one that is there.
func writeProjectFile(dir, name string) error {
	text, err := projectFile(name)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
