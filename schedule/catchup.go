package schedule

import (
	"fmt"
	"slices"

	"signalbox/spelling"
)

// CatchUp is what comes of the times at which a rule should have fired and the router did not
// run.
type CatchUp string

// The values of catch_up.
const (
	// CatchUpNone fires none of them.
	CatchUpNone CatchUp = "none"
	// CatchUpLast fires the latest.
	CatchUpLast CatchUp = "last"
	// CatchUpAll fires the latest MaxCatchUp.
	CatchUpAll CatchUp = "all"
)

// MaxCatchUp is how many missed times a rule fires at most.
const MaxCatchUp = 100

// UnmarshalText reads a value of catch_up.
func (c *CatchUp) UnmarshalText(text []byte) error {
	known := []string{string(CatchUpNone), string(CatchUpLast), string(CatchUpAll)}
	if !slices.Contains(known, string(text)) {
		return fmt.Errorf("unknown catch_up %.40q%s; it is none, last or all", text, spelling.Suggest(string(text), known))
	}
	*c = CatchUp(text)
	return nil
}

// limit returns how many missed times fire at most.
func (c CatchUp) limit() int {
	switch c {
	case CatchUpLast:
		return 1
	case CatchUpAll:
		return MaxCatchUp
	}
	return 0
}
