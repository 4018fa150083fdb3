package targets

import (
	"fmt"
	"time"
)

// Start is from where on events are sent to something that is new: with the next one, or with
// those of the past. The zero value leaves it to another.
type Start struct {
	// Set means that it is said. Past is set where events of the past are sent: those accepted
	// at From or later, which is zero for all that are kept.
	Set, Past bool
	From      time.Time
}

// UnmarshalText reads latest, oldest, or a time.
func (s *Start) UnmarshalText(text []byte) error {
	switch string(text) {
	case "latest":
		*s = Start{Set: true}
		return nil
	case "oldest":
		*s = Start{Set: true, Past: true}
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			*s = Start{Set: true, Past: true, From: at.UTC()}
			return nil
		}
	}
	return fmt.Errorf("start %q: write latest, oldest, or a time such as 2026-01-31T15:04:05Z or 2026-01-31", text)
}

// String returns the start as it is written; empty if it is not said.
func (s Start) String() string {
	switch {
	case !s.Set:
		return ""
	case !s.Past:
		return "latest"
	case s.From.IsZero():
		return "oldest"
	}
	return s.From.Format(time.RFC3339)
}
