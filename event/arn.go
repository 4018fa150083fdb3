package event

import "strings"

// BusOfARN returns the name of the bus that an ARN names, and the account and region that
// it is of: arn:PARTITION:events:REGION:ACCOUNT:event-bus/NAME. The name may hold slashes,
// as those of partner buses do.
func BusOfARN(arn string) (name, account, region string, ok bool) {
	if !strings.HasPrefix(arn, "arn:") {
		return "", "", "", false
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "events" {
		return "", "", "", false
	}
	name, ok = strings.CutPrefix(parts[5], "event-bus/")
	return name, parts[4], parts[3], ok && name != ""
}
