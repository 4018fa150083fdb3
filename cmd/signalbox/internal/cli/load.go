package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"signalbox/config"
	"signalbox/rules"
)

// Load reads the configuration and the rules. The error names every fault; where it is
// about the rules alone, the configuration is returned with it.
func (c *Env) Load() (*config.Config, *rules.Set, error) {
	cfg, err := config.Load(c.ConfigPath)
	if err != nil {
		return nil, nil, fmt.Errorf("the configuration has faults:\n%w", err)
	}
	cfg.Loaded = c.Loaded
	set, err := cfg.LoadRules()
	if err != nil {
		return cfg, nil, fmt.Errorf("the rules have faults:\n%w", err)
	}
	return cfg, set, nil
}

// ConfigOrDefault is for commands that can do without a configuration: where there
// is none, and none was asked for by name, the default one will do.
func (c *Env) ConfigOrDefault() (*config.Config, error) {
	cfg, err := config.Load(c.ConfigPath)
	if errors.Is(err, fs.ErrNotExist) && c.ConfigPath == config.DefaultPath {
		return config.Default(), nil
	}
	return cfg, err
}
