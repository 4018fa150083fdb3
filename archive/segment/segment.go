// Package segment is how events lie in an archive: segments of JSON lines, compressed with
// zstd, and for each day a manifest of its segments with their bounds, counts and checksums.
// Both never change once their day is over, and a segment counts from when its manifest names
// it.
package segment

import (
	"fmt"
	"math"
	"time"

	"signalbox/journal"
)

// Segment is a file of events, the oldest first.
type Segment struct {
	// File is its name within the day's folder.
	File string `json:"file"`
	// All events of the archive from From on, up to but without Before, are in this segment. From is
	// zero where it begins with the first event that there ever was.
	From   journal.Seq `json:"from,string"`
	Before journal.Seq `json:"before,string"`
	// First and Last are the numbers of its first and last event, with the times of their
	// acceptance.
	First     journal.Seq `json:"first,string"`
	Last      journal.Seq `json:"last,string"`
	FirstTime time.Time   `json:"first_time"`
	LastTime  time.Time   `json:"last_time"`
	// Count is how many events are in it.
	Count int `json:"count"`
	// Bytes is the size of the file, ContentBytes that of its lines.
	Bytes        int64 `json:"bytes"`
	ContentBytes int64 `json:"content_bytes"`
	// SHA256 is the checksum of the file, in hexadecimal digits.
	SHA256 string `json:"sha256"`
	// AfterGap means that events before From may be missing, as nothing was archived for a while.
	AfterGap bool `json:"after_gap,omitempty"`

	// Day is the folder that it is in, such as 2026/01/31.
	Day string `json:"-"`
}

// Path is the name of the file within the archive.
func (s *Segment) Path() string { return s.Day + "/" + s.File }

// format is the version of this package's files.
const format = 1

// manifest lists the segments of one day.
type manifest struct {
	Format   int       `json:"format"`
	Archive  string    `json:"archive"`
	Segments []Segment `json:"segments"`
}

// manifestName is what a day's manifest is called in its folder.
const manifestName = "segments.json"

// dayForm is how the folder of a day is called, in UTC.
const dayForm = "2006/01/02"

// DayOf returns the name of the folder for events of a time.
func DayOf(at journal.Seq) string { return min(at, math.MaxInt64).Time().Format(dayForm) }

// fileName returns what a segment is called whose first event has a number.
func fileName(first journal.Seq) string {
	return fmt.Sprintf("%02d-%d.jsonl.zst", first.Time().Hour(), first)
}

// DamagedError is the error of a segment or a manifest that is missing, or not as it was
// written.
type DamagedError struct {
	Archive string
	// File is the name of what is damaged, or empty where what names it is gone.
	File string
	// From and Before bound the events that it has.
	From, Before journal.Seq
	Err          error
}

// Error returns what is damaged, and why.
func (d *DamagedError) Error() string {
	what := d.File
	if what == "" {
		what = fmt.Sprintf("the segments from %s to %s", d.From.Time().Format(time.RFC3339), d.Before.Time().Format(time.RFC3339))
	}
	return fmt.Sprintf("archive %q: %s: %v", d.Archive, what, d.Err)
}

// Unwrap returns the cause.
func (d *DamagedError) Unwrap() error { return d.Err }
