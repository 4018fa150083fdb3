package place

import (
	"path/filepath"

	"signalbox/archive"
)

// Of returns the place of an archive. It reads and connects to nothing.
func Of(a *archive.Archive) (Place, error) {
	root := a.Folder
	if !filepath.IsAbs(root) {
		root = filepath.Join(a.Dir, root)
	}
	return Folder{filepath.Join(root, a.Name)}, nil
}
