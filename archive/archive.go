// Package archive is the archives that a configuration declares: of which events, where they
// lie, and for how long. Package segment is how events lie in one, place is where, and archiver
// is what writes and reads them while a router runs.
package archive

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"time"

	"signalbox/event"
	"signalbox/rules/pattern"
	"signalbox/secret"
	"signalbox/targets"
)

// Config is an archive as it is written in config.yaml or a rule file.
type Config struct {
	// Name is the key under which the archive stands, Dir the folder where relative paths start.
	Name string `yaml:"-"`
	Dir  string `yaml:"-"`
	// Resolved is a hash of what the references stand for.
	Resolved secret.Hash `yaml:"-"`
	// Pattern is an event pattern in JSON; nil takes every event.
	Pattern json.RawMessage `yaml:"-"`

	// Description is what the archive is for.
	Description string `yaml:"description" example:"For the auditors"`
	// Bus is the bus whose events are archived; every bus where it is left out.
	Bus string `yaml:"bus" example:"default"`
	// RetentionDays is for how many days events are kept at least; 0 is for ever.
	RetentionDays int `yaml:"retention_days" min:"0" max:"36500" example:"365"`
	// Start is the time from which on events are archived; oldest, all that the store has, where it
	// is left out.
	Start targets.Start `yaml:"start" example:"2026-01-31T15:04:05Z"`
	// Every is how long a time goes into one segment: one that a day is made of, such as 5m.
	Every time.Duration `yaml:"every" min:"1s"`
	// Folder is where the archive lies, in a folder of its name. It, or S3, is needed.
	Folder string `yaml:"folder" example:"archive"`
	// S3 is the bucket where the archive lies, if not in a folder.
	S3 *S3 `yaml:"s3" with:"{folder: null}"`
}

// DefaultEvery is how long a time goes into one segment where nothing else is said.
const DefaultEvery = time.Hour

// maxRetentionDays bounds RetentionDays, as AWS does.
const maxRetentionDays = 36_500

// Archive is an archive that has been checked. It does not change.
type Archive struct {
	Config
	set *pattern.Set // nil takes every event
}

// New returns the archive of a configuration, or what is wrong with that. The pattern must have
// been parsed already, and may be nil.
func New(c Config, p *pattern.Pattern, secrets secret.Source) (*Archive, []*targets.FieldError) {
	v := &targets.Validation{Secrets: secrets, Dir: c.Dir}
	if c.RetentionDays < 0 || c.RetentionDays > maxRetentionDays {
		v.Fail([]string{"retention_days"}, "is %d: it must be from 0, which keeps events for ever, to %d", c.RetentionDays, maxRetentionDays)
	}
	if c.Every = cmp.Or(c.Every, DefaultEvery); c.Every < time.Second || (24*time.Hour)%c.Every != 0 {
		v.Fail([]string{"every"}, "is %s: it must be a time that a day is made of, such as 1h or 5m, of a second at least", c.Every)
	}
	if c.Start.Set && !c.Start.Past {
		v.Fail([]string{"start"}, "is latest: write the time from which on events are archived, or oldest")
	}
	switch {
	case c.Folder != "" && c.S3 != nil:
		v.Fail([]string{"s3"}, "stands beside folder: an archive lies in one place")
	case c.S3 != nil:
		c.S3.validate(v)
	case c.Folder == "":
		v.Fail([]string{"folder"}, "is missing: write where the archive is to lie, or s3 with a bucket")
	}
	a := &Archive{Config: c}
	if p != nil {
		a.Pattern = p.Source()
		a.set, _ = pattern.Compile([]*pattern.Pattern{p}) // which has no error for what was parsed
	}
	return a, v.Faults()
}

// Takes reports whether an event is archived. The envelope is in the canonical form.
func (a *Archive) Takes(bus string, envelope []byte) bool {
	if a.Bus != "" && a.Bus != bus {
		return false
	}
	var found [1]int
	return a.set == nil || len(a.set.Match(envelope, found[:0])) > 0
}

// TakesAll reports whether it takes all events of some detail-types, whatever else they are: it does
// if it takes every event, or if its pattern asks for nothing but detail-types.
func (a *Archive) TakesAll(detailTypes []string) bool {
	if a.Bus != "" || a.set == nil {
		return a.Bus == ""
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(a.Pattern, &fields); err != nil || len(fields) != 1 || fields["detail-type"] == nil {
		return false
	}
	return !slices.ContainsFunc(detailTypes, func(name string) bool {
		e := event.Event{DetailType: name, Detail: []byte("{}")}
		return !a.Takes("", e.Envelope())
	})
}

// Equal reports whether both are the same archive.
func (a *Archive) Equal(other *Archive) bool { return reflect.DeepEqual(a.Config, other.Config) }

// Retention is how long events are kept at least; 0 is for ever.
func (a *Archive) Retention() time.Duration { return time.Duration(a.RetentionDays) * 24 * time.Hour }

// First returns the time of the oldest events that the archive may have at a moment; zero for all
// that there ever were.
func (a *Archive) First(now time.Time) time.Time {
	first := a.Start.From
	if keep := a.Retention(); keep > 0 && now.Add(-keep).After(first) {
		first = now.Add(-keep)
	}
	return first
}

// Show returns the configuration as it may be shown.
func (a *Archive) Show() map[string]any {
	shown := map[string]any{}
	for key, text := range map[string]string{"description": a.Description, "folder": a.Folder, "start": a.Start.String()} {
		if text != "" {
			shown[key] = text
		}
	}
	if a.Pattern != nil {
		shown["pattern"] = a.Pattern
	}
	if a.S3 != nil {
		a.S3.show(shown)
	}
	return shown
}

// validName is what an archive may be called: its name is that of a folder.
var validName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,47}$`)

// CheckName returns what is wrong with the name of an archive; empty if nothing is.
func CheckName(name string) string {
	if !validName.MatchString(name) {
		return fmt.Sprintf("is %q: an archive is called by up to 48 letters, digits, - and _, and dots but at its beginning", name)
	}
	return ""
}
