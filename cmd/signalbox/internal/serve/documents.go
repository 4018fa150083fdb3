package serve

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.uber.org/zap"

	"signalbox/awsapi"
	"signalbox/journal"
	"signalbox/rules"
)

// lastGood keeps the texts of the rule files that were last loaded without a fault, for a start at which
// they have some.
type lastGood struct {
	log *zap.Logger

	mu sync.Mutex
	// waiting are texts that were loaded before there was a store.
	waiting *rules.Files
	store   *journal.DocumentsOf
}

// The beginnings of paths in the store.
const (
	keptRules   = "rules:"
	keptCatalog = "catalog:"
)

// loaded is a config.Config.Loaded.
func (l *lastGood) loaded(files rules.Files) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store == nil {
		l.waiting = &files
		return
	}
	l.save(files)
}

// open begins to keep texts in a store.
func (l *lastGood) open(store *journal.DocumentsOf, log *zap.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store, l.log = store, log
	if l.waiting != nil {
		l.save(*l.waiting)
		l.waiting = nil
	}
}

func (l *lastGood) save(files rules.Files) {
	all := map[string][]byte{}
	for _, d := range files.Rules {
		all[keptRules+d.Path] = d.Text
	}
	for _, d := range files.Catalog {
		all[keptCatalog+d.Path] = d.Text
	}
	if err := l.store.Replace(all); err != nil {
		l.log.Error("the texts of the rule files can't be kept in the store, for a start at which they have faults", zap.Error(err))
	}
}

// read returns the texts that are kept; none if they can't be read.
func (l *lastGood) read() (files rules.Files) {
	err := l.store.All(func(path string, text []byte) error {
		d := rules.Document{Text: bytes.Clone(text)}
		if at, ok := strings.CutPrefix(path, keptCatalog); ok {
			d.Path = at
			files.Catalog = append(files.Catalog, d)
		} else {
			d.Path = strings.TrimPrefix(path, keptRules)
			files.Rules = append(files.Rules, d)
		}
		return nil
	})
	if err != nil {
		l.log.Error("the kept texts of the rule files can't be read", zap.Error(err))
		return rules.Files{}
	}
	return files
}

// mayHaveStore reports whether there may be a store, with rules that were made by API, and with the texts
// of rule files.
func (s *server) mayHaveStore() bool {
	_, err := os.Stat(s.cfg.DataDir)
	return err == nil
}

// addDocuments loads the rules again with those that were made by API, if there are any: the files
// may need them, and they the files. Where they have faults, the files are taken as they were last good.
func (s *server) addDocuments() (err error) {
	if s.documents, err = awsapi.LoadDocuments(s.journal.Documents.Of(awsapi.Source)); err != nil {
		return err
	}
	s.lastGood.open(s.journal.Documents.Of("files"), s.log)
	if !s.documents.Empty() {
		if s.set, s.faults = s.cfg.LoadRules(s.documents.Source()); s.faults != nil {
			s.faults = fmt.Errorf("the rules have faults:\n%w", s.faults)
		}
	}
	if s.faults != nil {
		files := s.lastGood.read()
		if len(files.Rules) == 0 {
			return s.faults
		}
		if s.set, err = s.cfg.LoadRulesOf(files, s.documents.Source()); err != nil {
			return s.faults
		}
	}
	return s.cfg.CheckHooks(s.set)
}
