package offline

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/archive/place"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
	"signalbox/document"
	"signalbox/rules"
)

func newCheckCommand(c *cli.Env) *cobra.Command {
	check := checkCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "check [rule file or directory]...",
		Short: "Check the configuration and the rule files",
		Long: `Check the configuration and all rule files, as serve reads them, and print every
fault with its file, line and column, and warnings of what is probably not meant:
patterns that can't match or that cost much, names that look misspelt, targets and
input paths that nothing uses, and rules that repeat another. Of given files only
their own faults are printed; the targets and buses that they name may stand
anywhere in the configuration and its rules. Needs no running router.

Exit codes: 0 no faults, 1 faults (with --strict also warnings), 2 wrong usage.`,
		Example: "  signalbox check\n  signalbox check rules/orders.yaml --strict\n  signalbox check --output json",
		RunE:    func(_ *cobra.Command, args []string) error { return check.run(args) },
	}
	cmd.Flags().BoolVar(&check.strict, "strict", false, "let warnings fail the check too")
	check.output.Flag(cmd)
	return cmd
}

type checkCommand struct {
	*cli.Env
	strict bool
	output cli.Format
}

// checked is what a check has found.
type checked struct {
	OK       bool      `json:"ok"`
	Errors   []finding `json:"errors"`
	Warnings []finding `json:"warnings"`
	// Rules to Files count what was read from rule files, if it has no faults.
	Rules       int `json:"rules"`
	Targets     int `json:"targets"`
	Hooks       int `json:"hooks,omitempty"`
	Connections int `json:"connections,omitempty"`
	Sources     int `json:"sources,omitempty"`
	Files       int `json:"files"`
	// Archives are all that are declared, in whichever file.
	Archives []archived `json:"archives,omitempty"`
	// Starting are the rules' targets that begin in the past, in whichever file.
	Starting []starting `json:"starting,omitempty"`
	// Elsewhere counts the faults of files other than the given ones. While there
	// are any, the rules as a whole can't be built and are not counted.
	Elsewhere int `json:"errors_elsewhere,omitempty"`
}

// starting is a rule's target that begins in the past.
type starting struct {
	rules.Starting
	From string `json:"start"`
}

// startingOf returns the rules' targets of a set that begin in the past.
func startingOf(set *rules.Set) (all []starting) {
	for _, s := range set.Starting() {
		all = append(all, starting{s, s.Start.String()})
	}
	return all
}

// archived is an archive in a few words.
type archived struct {
	Name          string `json:"name"`
	Bus           string `json:"bus,omitempty"`
	Pattern       any    `json:"pattern,omitempty"`
	RetentionDays int    `json:"retention_days"`
	Every         string `json:"every"`
	Place         string `json:"place"`
}

// archivesOf returns the archives of a set, by name.
func archivesOf(set *rules.Set) (all []archived) {
	for _, name := range slices.Sorted(maps.Keys(set.Archives)) {
		a := set.Archives[name]
		one := archived{Name: name, Bus: a.Bus, RetentionDays: a.RetentionDays, Every: document.FormatDuration(a.Every)}
		if a.Pattern != nil {
			one.Pattern = a.Pattern
		}
		if at, err := place.Of(a, place.Env{}); err == nil {
			one.Place = at.String()
		}
		all = append(all, one)
	}
	return all
}

// text says what is archived, for how long, and where.
func (a *archived) text() string {
	what, kept := "all events", "for ever"
	if a.Bus != "" {
		what = "events of the bus " + a.Bus
	}
	if a.Pattern != nil {
		what += fmt.Sprintf(" that match %s", a.Pattern)
	}
	if a.RetentionDays > 0 {
		kept = "for " + cli.Count(a.RetentionDays, "day")
	}
	return fmt.Sprintf("archive %s: %s, kept %s in %s, a segment each %s", a.Name, what, kept, a.Place, a.Every)
}

// finding is one fault or warning, and where it is.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`

	text string
}

func (c *checkCommand) run(files []string) error {
	result, err := c.check(files)
	if err != nil {
		return err
	}
	result.OK = len(result.Errors) == 0 && !(c.strict && len(result.Warnings) > 0)
	if c.output == cli.JSON {
		err = cli.PrintJSON(c.Stdout, result)
	} else {
		err = c.print(result)
	}
	if err == nil && !result.OK {
		return cli.ErrReported
	}
	return err
}

func (c *checkCommand) check(files []string) (checked, error) {
	everything := func(string) bool { return true }
	read, only := func() (*config.Config, error) { return config.Load(c.ConfigPath) }, everything
	if len(files) > 0 {
		read = c.ConfigOrDefault
	}
	cfg, err := read()
	if err != nil {
		return gather(nil, nil, err, everything)
	}
	if len(files) > 0 {
		if missing := missingOf(files); len(missing) > 0 {
			return checked{Errors: missing, Warnings: []finding{}}, nil
		}
		names, err := namesIn(cfg.Dir, files)
		if err != nil {
			return checked{}, err
		}
		cfg.Rules = append(cfg.Rules, names...)
		only = func(file string) bool {
			return slices.ContainsFunc(names, func(name string) bool {
				name = filepath.Join(cfg.Dir, name)
				return file == name || strings.HasPrefix(file, name+string(filepath.Separator))
			})
		}
	}
	set, err := cfg.LoadRules()
	notes, fault := cfg.CheckTLS()
	more, faultOfCluster := cfg.CheckCluster()
	var all document.Problems
	for _, e := range []error{err, fault, faultOfCluster} {
		if e != nil {
			all.AddError(cfg.Path, e)
		}
	}
	return gather(set, slices.Concat(cfg.Warnings(), notes, more), all.Err(), only)
}

// missingOf returns which of the files that were named do not exist. Globs are left
// to the loader.
func missingOf(files []string) (missing []finding) {
	for _, file := range files {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(file, "*?[") {
			const message = "no such file or directory"
			missing = append(missing, finding{File: file, Message: message, text: file + ": " + message})
		}
	}
	return missing
}

// namesIn returns files as they are called from a folder, so that one that the
// configuration names already is the same file.
func namesIn(dir string, files []string) ([]string, error) {
	base, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(files))
	for i, file := range files {
		full, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		if names[i], err = filepath.Rel(base, full); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// gather sorts out what was found in some of the files.
func gather(set *rules.Set, more []*document.Problem, err error, in func(file string) bool) (checked, error) {
	found := checked{Errors: []finding{}, Warnings: []finding{}}
	var faults document.Errors
	if err != nil && !errors.As(err, &faults) {
		return found, err
	}
	for _, p := range faults {
		if in(p.Pos.File) {
			found.Errors = append(found.Errors, findingOf(p))
		} else {
			found.Elsewhere++
		}
	}
	if set == nil {
		return found, nil
	}
	for _, p := range slices.Concat(more, set.Warnings, lint(set)) {
		if in(p.Pos.File) {
			found.Warnings = append(found.Warnings, findingOf(p))
		}
	}
	slices.SortStableFunc(found.Warnings, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	found.Archives, found.Starting = archivesOf(set), startingOf(set)
	for _, f := range set.Files {
		if in(f.Path) {
			found.Files++
			found.Rules += f.Rules
			found.Targets += f.Targets
			found.Hooks += f.Hooks
			found.Connections += f.Connections
			found.Sources += f.Sources
		}
	}
	return found, nil
}

func findingOf(p *document.Problem) finding {
	return finding{File: p.Pos.File, Line: p.Pos.Line, Column: p.Pos.Column, Path: p.Path, Message: p.Message, text: p.Error()}
}

// counted says what was read: the rules and the targets, and what else there is.
func (f *checked) counted() string {
	parts := []string{cli.Count(f.Rules, "rule"), cli.Count(f.Targets, "target")}
	if f.Hooks > 0 {
		parts = append(parts, cli.Count(f.Hooks, "hook"))
	}
	if f.Connections > 0 {
		parts = append(parts, cli.Count(f.Connections, "connection"))
	}
	if f.Sources > 0 {
		parts = append(parts, cli.Count(f.Sources, "source"))
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last] + " in " + cli.Count(f.Files, "file")
}

func (c *checkCommand) print(found checked) error {
	for _, f := range found.Errors {
		fmt.Fprintln(c.Stdout, f.text)
	}
	for _, f := range found.Warnings {
		fmt.Fprintf(c.Stdout, "%s (warning)\n", f.text)
	}
	for _, a := range found.Archives {
		fmt.Fprintln(c.Stdout, a.text())
	}
	for _, s := range found.Starting {
		fmt.Fprintf(c.Stdout, "rule %s on bus %s: past events (%s) are replayed to target %s, once\n", s.Rule, s.Bus, s.From, s.Target)
	}
	summary := fmt.Sprintf("%s, %s", cli.Count(len(found.Errors), "error"), cli.Count(len(found.Warnings), "warning"))
	if found.OK {
		summary = "ok: " + found.counted()
		if n := len(found.Warnings); n > 0 {
			summary += ", " + cli.Count(n, "warning")
		}
	}
	switch {
	case found.Elsewhere > 0 && found.OK:
		summary = fmt.Sprintf("no faults here, but %s in other files: run signalbox check", cli.Count(found.Elsewhere, "error"))
	case found.Elsewhere > 0:
		summary += fmt.Sprintf(", and %s in other files", cli.Count(found.Elsewhere, "error"))
	}
	_, err := fmt.Fprintln(c.Stdout, summary)
	return err
}
