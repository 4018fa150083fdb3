package cli

import "net"

// The environment variables that stand in for flags of many commands.
const (
	// ConfigVariable holds the path of the configuration file.
	ConfigVariable = "SIGNALBOX_CONFIG"
	// URLVariable holds the router's address.
	URLVariable = "SIGNALBOX_URL"
	// KeyVariable holds the key for the router.
	KeyVariable = "SIGNALBOX_API_KEY"
)

// Reachable is the URL at which this machine reaches a listen address.
func Reachable(scheme, listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return scheme + "://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
