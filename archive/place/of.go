package place

import (
	"path/filepath"

	"signalbox/archive"
	"signalbox/secret"
	"signalbox/targets/egress"
)

// Env is what places take from the process around them.
type Env struct {
	// Secrets resolves references in configurations.
	Secrets secret.Source
	// Egress says what may be connected to; nil denies what gives credentials of the machine.
	Egress *egress.Guard
	// Spool is a folder for files on their way to and from a bucket; empty is the system's own
	// for temporary files.
	Spool string
}

// Of returns the place of an archive. It connects to nothing.
func Of(a *archive.Archive, env Env) (Place, error) {
	if a.S3 != nil {
		return newBucket(a, env)
	}
	root := a.Folder
	if !filepath.IsAbs(root) {
		root = filepath.Join(a.Dir, root)
	}
	return Folder{filepath.Join(root, a.Name)}, nil
}
