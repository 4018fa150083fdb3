package rules

import (
	"signalbox/archive"
	"signalbox/hooks"
	"signalbox/hooks/signature"
	"signalbox/targets/http/login"
)

// Declarations returns what the parts of a rule file are decoded into, with their defaults, by what
// the tag holds: calls them. Targets and sources are not among them: each kind has its own.
func Declarations() map[string]any {
	return map[string]any{
		"file":       &sections{},
		"rule":       &draft{State: Enabled},
		"entry":      &targetDraft{},
		"bus":        &busFields{Catalog: "off"},
		"hook":       &hooks.Config{Tolerance: signature.DefaultTolerance},
		"connection": &login.Connection{},
		"archive":    &archiveDraft{Config: archive.Config{Every: archive.DefaultEvery}},
	}
}
