package serve

import (
	"fmt"
	"os"

	"signalbox/awsapi"
)

// mayHaveDocuments reports whether there may be a store, with rules that were made by API.
func (s *server) mayHaveDocuments() bool {
	_, err := os.Stat(s.cfg.DataDir)
	return err == nil
}

// addDocuments loads the rules again with those that were made by API, if there are any: the files
// may need them, and they the files.
func (s *server) addDocuments() (err error) {
	if s.documents, err = awsapi.LoadDocuments(s.journal.Documents.Of(awsapi.Source)); err != nil {
		return err
	}
	if s.documents.Empty() {
		return s.faults
	}
	if s.set, err = s.cfg.LoadRules(s.documents.Source()); err != nil {
		return fmt.Errorf("the rules have faults:\n%w", err)
	}
	return s.cfg.CheckHooks(s.set)
}
