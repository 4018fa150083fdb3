package archiver

import (
	"context"
	"fmt"
	"time"

	"signalbox/archive/place"
	"signalbox/archive/segment"
)

// Listed is an archive in a list: how it is, and what is in it.
type Listed struct {
	Status
	// Content is what is in the archive; nil if that can't be read, with the reason in
	// ContentError.
	Content      *segment.Summary `json:"content,omitempty"`
	ContentError string           `json:"content_error,omitempty"`
}

// listTimeout bounds how long the manifests of one archive are read for a list.
const listTimeout = 20 * time.Second

// List returns all archives with what is in them, by name.
func (a *Archiver) List(ctx context.Context) []Listed {
	keepers := a.keepers()
	all := make([]Listed, len(keepers))
	for i, k := range keepers {
		all[i] = k.listed(ctx)
	}
	return all
}

func (k *keeper) listed(ctx context.Context) Listed {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	l := Listed{Status: k.view()}
	files, err := k.reading()
	if err == nil {
		var content segment.Summary
		if content, err = files.Summary(ctx); err == nil {
			l.Content = &content
		}
	}
	if err != nil {
		l.ContentError = err.Error()
	}
	return l
}

// reading returns the files of the archive.
func (k *keeper) reading() (*segment.Files, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at == nil {
		at, err := place.Of(k.archive, k.of.opts.Env)
		if err != nil {
			return nil, fmt.Errorf("archive %q: %w", k.archive.Name, err)
		}
		k.at = &segment.Files{Name: k.archive.Name, Place: at}
	}
	return k.at, nil
}
