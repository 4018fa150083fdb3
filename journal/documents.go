package journal

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
)

// tableDocument holds rule documents that are in no file: source, 0, path → text. They are kept
// until they are removed.
const tableDocument = 'g'

func documentKey(source, path string) []byte {
	return append(append(append([]byte{tableDocument}, source...), 0), path...)
}

// Documents is the part of a journal that keeps rule documents.
type Documents struct {
	db     *pebble.DB
	commit Committer
}

// Of returns what keeps the documents of one source, whose name is its own.
func (d *Documents) Of(source string) *DocumentsOf { return &DocumentsOf{d, source} }

// DocumentsOf keeps the documents of one source.
type DocumentsOf struct {
	*Documents
	source string
}

// All calls fn with every document, in the order of their paths. The text is valid only during
// the call.
func (d *DocumentsOf) All(fn func(path string, text []byte) error) error {
	lower := documentKey(d.source, "")
	upper := append(bytes.Clone(lower[:len(lower)-1]), 1)
	return Scan(d.db, lower, upper, func(k, v []byte) (bool, error) { return true, fn(string(k[len(lower):]), v) })
}

// Put stores a document in place of the one of its path, and returns when it is on disk.
func (d *DocumentsOf) Put(path string, text []byte) error {
	return d.commit(func(b *pebble.Batch) error { return b.Set(documentKey(d.source, path), text, nil) })
}

// Replace stores documents in place of all that there are, as one write, and returns when it is on
// disk. Nothing is written where nothing differs.
func (d *DocumentsOf) Replace(all map[string][]byte) error {
	same := map[string]bool{}
	var gone []string
	if err := d.All(func(path string, text []byte) error {
		if now, ok := all[path]; !ok {
			gone = append(gone, path)
		} else {
			same[path] = bytes.Equal(now, text)
		}
		return nil
	}); err != nil {
		return err
	}
	var changed []string
	for path := range all {
		if !same[path] {
			changed = append(changed, path)
		}
	}
	if len(gone)+len(changed) == 0 {
		return nil
	}
	return d.commit(func(b *pebble.Batch) error {
		for _, path := range gone {
			if err := b.Delete(documentKey(d.source, path), nil); err != nil {
				return err
			}
		}
		for _, path := range changed {
			if err := b.Set(documentKey(d.source, path), all[path], nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// Delete removes a document, and returns when that is on disk.
func (d *DocumentsOf) Delete(path string) error {
	return d.commit(func(b *pebble.Batch) error { return b.Delete(documentKey(d.source, path), nil) })
}

// verifyDocument checks a row of its table.
func verifyDocument(v *verifier, k, value []byte) {
	source, path, ok := bytes.Cut(k[1:], []byte{0})
	if !ok || len(source) == 0 || len(path) == 0 {
		v.fault("document %q: %v", k[1:], ErrCorrupt)
	}
}
