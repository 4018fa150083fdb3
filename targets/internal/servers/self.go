package servers

import (
	"os"
	"testing"
)

// StartSelf starts the test program again, with more of an environment in which its TestMain is a
// server at an address. It returns what kills it.
func StartSelf(t testing.TB, address string, env ...string) (kill func()) {
	t.Helper()
	p := start(t, env, os.Args[0])
	p.await("it serves", func() bool { return listens(address) })
	return p.kill
}
