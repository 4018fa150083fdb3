package cli

import "net"

// KeyVariable is the environment variable that holds the key for the router.
const KeyVariable = "SIGNALBOX_API_KEY"

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
