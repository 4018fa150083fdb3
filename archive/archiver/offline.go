package archiver

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"signalbox/archive"
	"signalbox/archive/past"
	"signalbox/archive/place"
	"signalbox/archive/segment"
	"signalbox/journal"
	"signalbox/spelling"
)

// FilesOf returns the files of those of some archives that are named, without a router.
func FilesOf(all map[string]*archive.Archive, names []string, env place.Env) (files []*segment.Files, err error) {
	for _, name := range names {
		if all[name] == nil {
			return nil, fmt.Errorf("no archive %q%s", name, spelling.Suggest(name, slices.Collect(maps.Keys(all))))
		}
		at, err := place.Of(all[name], env)
		if err != nil {
			return nil, fmt.Errorf("archive %q: %w", name, err)
		}
		files = append(files, &segment.Files{Name: name, Place: at})
	}
	return files, nil
}

// Offline returns a reader of a store that no router has open, and of those archives that its
// router has written to.
func Offline(store *journal.ReadOnly, all map[string]*archive.Archive, env place.Env) (*past.Reader, error) {
	var written []string
	if err := store.Archives(func(name string, state []byte) error {
		var s saved
		if err := json.Unmarshal(state, &s); err != nil {
			return fmt.Errorf("archive %q: %w", name, err)
		}
		if s.Written > 0 && all[name] != nil {
			written = append(written, name)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	files, err := FilesOf(all, written, env)
	return &past.Reader{Events: store, Numbers: store, Archives: func() []*segment.Files { return files }}, err
}
