package machine

// Files is how many file descriptors there are, and what each part of the router gets.
type Files struct {
	Total int
	// Store is for the files of the store, Connections for those that clients open, and
	// Targets for those to targets.
	Store, Connections, Targets int
}

const (
	// ownFiles are for all else: listeners, logs, watches of files, rule files, the name
	// service.
	ownFiles = 64
	// mostStoreFiles is what the store can make use of, and leastStoreFiles what it can't
	// do without.
	mostStoreFiles, leastStoreFiles = 1000, 80
	// mostConnections are enough for any load that one machine bears.
	mostConnections = 10_000
	// leastEach is what connections and targets get however few there are.
	leastEach = 16
	// connectionMemory is what a connection may cost, in bytes: its buffers, the head of
	// its request, its goroutine.
	connectionMemory = 128 << 10
)

// ShareFiles shares out a number of file descriptors; connections are also bounded by
// the memory that there is.
func ShareFiles(total int, memory Memory) Files {
	f := Files{Total: total}
	rest := total - ownFiles
	f.Store = min(mostStoreFiles, max(rest/4, leastStoreFiles))
	rest -= f.Store
	f.Connections = max(leastEach, min(rest/2, mostConnections, int(memory.Total/connectionMemory)))
	f.Targets = max(leastEach, rest-f.Connections)
	return f
}

// Needs returns how many file descriptors all parts but the targets need.
func (f Files) Needs() int { return ownFiles + f.Store + f.Connections + leastEach }
