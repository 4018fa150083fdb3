package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = ""

// build is which program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
		if b.Version == "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}

func newVersionCommand(c *cli.Env) *cobra.Command {
	var out cli.Format
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  signalbox version\n  signalbox version --output json",
		Args:    cli.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if out == cli.JSON {
				return cli.PrintJSON(c.Stdout, b)
			}
			_, err := fmt.Fprintf(c.Stdout, "signalbox %s (%s, %s)\n", b.Version, b.Go, b.Platform)
			return err
		},
	}
	out.Flag(cmd)
	return cmd
}
