package offline

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
	"signalbox/rules/pattern"
	"signalbox/rules/pattern/bench"
)

func newBenchCommand(c *cli.Env) *cobra.Command {
	b := benchCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what rules cost",
		Long: `Match events against the patterns of rules on one core, and say how many events a
second that makes, beside encoding/json.Valid on the same bytes as a yardstick.
Conditions (when:) and transforms are not measured. Needs no running router.`,
		Example: `  signalbox bench --events events.jsonl
  signalbox bench --rules 'rules/*.yaml' --events events.jsonl --output json
  signalbox bench --patterns patterns.jsonl --events events.jsonl`,
		Args: cli.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error { return b.run() },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&b.rules, "rules", nil, "globs of rule files (default: those of the configuration)")
	flags.StringVar(&b.patterns, "patterns", "", "in place of rules, a file with a pattern a line")
	flags.StringVar(&b.events, "events", "", "a file with an event a line")
	flags.DurationVar(&b.duration, "duration", 2*time.Second, "how long to measure")
	b.output.Flag(cmd)
	return cmd
}

type benchCommand struct {
	*cli.Env
	rules            []string
	patterns, events string
	duration         time.Duration
	output           cli.Format
}

func (b *benchCommand) run() error {
	switch {
	case b.events == "":
		return cli.WrongUsage("--events is needed: a file with an event a line")
	case b.patterns != "" && len(b.rules) > 0:
		return cli.WrongUsage("give one of --rules and --patterns")
	case b.duration <= 0:
		return cli.WrongUsage("--duration must be more than 0")
	}
	patterns, err := b.sources()
	if err != nil {
		return err
	}
	events, err := readLines(b.events)
	if err != nil {
		return err
	}
	result, err := bench.Run(patterns, events, pattern.Options{Extensions: true}, b.duration)
	if err != nil {
		return err
	}
	if b.output == cli.JSON {
		return cli.PrintJSON(b.Stdout, result)
	}
	_, err = fmt.Fprintf(b.Stdout, `%d patterns, %d events
events a second    %12.0f
json.Valid alone   %12.0f  (%.2f of its speed)
matches            %12d  in one pass through the events
compile            %12.3f s
heap               %12.1f MB
`, result.Patterns, result.Events, result.EventsPerSecond, result.JSONValidEventsPerSecond,
		result.EventsPerSecond/result.JSONValidEventsPerSecond, result.Matches, result.CompileSeconds, float64(result.HeapBytes)/1e6)
	return err
}

// sources returns the texts of the patterns.
func (b *benchCommand) sources() ([][]byte, error) {
	if b.patterns != "" {
		return readLines(b.patterns)
	}
	cfg, err := b.rulesOnly()
	if err != nil {
		return nil, err
	}
	set, err := cfg.LoadRules()
	if err != nil {
		return nil, fmt.Errorf("the rules have faults:\n%w", err)
	}
	sources := make([][]byte, len(set.Rules))
	for i, r := range set.Rules {
		sources[i] = r.Pattern.Source()
	}
	return sources, nil
}

// rulesOnly is the configuration, with the rules that the flags name. Those are
// relative to the working directory.
func (b *benchCommand) rulesOnly() (*config.Config, error) {
	if len(b.rules) == 0 {
		return config.Load(b.ConfigPath)
	}
	cfg, err := b.ConfigOrDefault()
	if err != nil {
		return nil, err
	}
	cfg.Rules, err = namesIn(cfg.Dir, b.rules)
	return cfg, err
}

func readLines(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := bench.ReadLines(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lines, nil
}
