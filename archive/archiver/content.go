package archiver

import (
	"context"
	"fmt"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// Content is how much an archive holds: what was written to it, and what the store still has for
// it.
type Content struct {
	Events int
	// Bytes is the size of the lines, before they are compressed.
	Bytes int64
}

// maxOwedLookedAt bounds the events in the store that are looked at for one Content.
const maxOwedLookedAt = 100_000

// Content returns how much an archive holds; zero if there is none of the name. Of what the store
// has for it, the first 100,000 events are looked at.
func (a *Archiver) Content(ctx context.Context, name string) (c Content, err error) {
	k := a.keeper(name)
	if k == nil {
		return c, nil
	}
	files, err := k.reading()
	if err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var written segment.Summary
	var owed uint64
	for owed = k.cursor.Load(); ; owed = k.cursor.Load() {
		if written, err = files.Summary(ctx); err != nil {
			return c, err
		}
		if owed == k.cursor.Load() { // nothing has come to the archive meanwhile
			break
		}
	}
	c.Events, c.Bytes = written.Events, written.ContentBytes
	looked := 0
	var line []byte
	store := a.opts.Journal
	err = store.Events.Between(journal.Seq(owed), store.Seqs.Stable(), func(r journal.Record) bool {
		if bus := r.Bus(); k.takes(&r, bus) {
			line = segment.AppendLine(line[:0], &r, bus)
			c.Events, c.Bytes = c.Events+1, c.Bytes+int64(len(line))
		}
		looked++
		return looked < maxOwedLookedAt && ctx.Err() == nil
	})
	return c, err
}

// Erase deletes all files of an archive that was taken away, once its writing has ended. It does
// nothing for one that was not.
func (a *Archiver) Erase(ctx context.Context, name string) error {
	a.mu.Lock()
	k := a.gone[name]
	a.mu.Unlock()
	if k == nil {
		return nil
	}
	select {
	case <-k.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	files, err := k.reading()
	if err != nil {
		return err
	}
	names, err := files.List(ctx, "")
	for _, file := range names {
		if err == nil {
			err = files.Delete(ctx, file)
		}
	}
	if err != nil {
		return fmt.Errorf("archive %q: %w", name, err)
	}
	return nil
}
