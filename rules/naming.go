package rules

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// The forms of a message type's name that the naming standard knows. Names of
// other forms, such as those of AWS's own services, are left alone.
var (
	reverseDNS = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9_-]+){2,}$`)
	versioned  = regexp.MustCompile(`\.v[0-9]+$`)
	pascalCase = regexp.MustCompile(`^([A-Z][a-z0-9]+){2,}$`)
)

// participles are the past participles of the verbs that events are most often
// named with. A name that ends in a verb itself is taken for a slip.
var participles = map[string]string{
	"Abort": "Aborted", "Accept": "Accepted", "Add": "Added", "Approve": "Approved", "Assign": "Assigned",
	"Cancel": "Canceled", "Change": "Changed", "Close": "Closed", "Complete": "Completed", "Confirm": "Confirmed",
	"Create": "Created", "Delete": "Deleted", "Deliver": "Delivered", "Describe": "Described", "Estimate": "Estimated",
	"Fail": "Failed", "Finish": "Finished", "Make": "Made", "Move": "Moved", "Open": "Opened", "Pay": "Paid",
	"Publish": "Published", "Receive": "Received", "Reject": "Rejected", "Remove": "Removed", "Rename": "Renamed",
	"Reserve": "Reserved", "Restart": "Restarted", "Send": "Sent", "Ship": "Shipped", "Start": "Started",
	"Stop": "Stopped", "Submit": "Submitted", "Unreserve": "Unreserved", "Update": "Updated", "Upload": "Uploaded",
	"Validate": "Validated",
}

// nameFault says what the naming standard has against a message type's name, and
// what to call it instead; empty if nothing. An event is named by what has
// happened, in the past participle; a name in reverse-DNS form has a version.
func nameFault(name string) string {
	switch {
	case reverseDNS.MatchString(name) && !versioned.MatchString(name):
		return fmt.Sprintf("the type %q has no version: call it %s.v1", name, name)
	case pascalCase.MatchString(name):
		last := strings.LastIndexFunc(name, unicode.IsUpper)
		if participle, ok := participles[name[last:]]; ok {
			return fmt.Sprintf("the type %q does not say that something has happened: an event would be %s%s", name, name[:last], participle)
		}
	}
	return ""
}
