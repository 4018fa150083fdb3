package rules

import (
	"cmp"
	"strings"
)

// TargetARN returns the name of a target in AWS's form: as it is written by a rule, as it is declared, or
// one of the router's own. written may be empty.
func (s *Set) TargetARN(target, written, region, account string) string {
	if !strings.HasPrefix(written, "arn:") {
		written = ""
	}
	return cmp.Or(written, s.Targets[target].ARN, "arn:aws:signalbox:"+region+":"+account+":target/"+target)
}
