package journal

// table is one of the tables of the store: the rows whose keys begin with a letter. How
// its rows look is in the file that its functions are in.
type table struct {
	letter byte
	name   string
	// verify checks a row for Verify.
	verify func(v *verifier, key, value []byte)
	// first means that Verify reads the table before the others, which it is compared
	// with.
	first bool
	// trimTo returns the end of what goes with the events before a number; nil for a
	// table whose rows outlive them, or go one by one.
	trimTo func(oldest Seq) []byte
}

// tables are all tables. Keys sort as these letters do: the event log is first, so that a
// flushed file begins where the log ended before it, overlaps no older events, and is not
// written again.
var tables = [...]table{
	{letter: tableEvent, name: "events", verify: verifyEvent, trimTo: eventKey},
	{letter: tableAudit, name: "audit", verify: verifyAudit, trimTo: auditsTo},
	{letter: tableOrder, name: "ordering keys", verify: verifyOrder},
	{letter: tableCount, name: "counters", verify: verifyCount, first: true},
	{letter: tableReady, name: "ready deliveries", verify: verifyDelivery},
	{letter: tableDerived, name: "derived events", verify: verifyDerived, trimTo: derivedTo},
	{letter: tableHeld, name: "suspended deliveries", verify: verifyDelivery},
	{letter: tableID, name: "ids of producers", verify: verifyID, trimTo: idsTo},
	{letter: tableJob, name: "jobs", verify: verifyJob},
	{letter: tableDedup, name: "fingerprints", verify: verifyFingerprint},
	{letter: tableLane, name: "lanes", verify: verifyLane, first: true},
	{letter: tableMeta, name: "the store itself", verify: verifyMeta},
	{letter: tableStory, name: "correlations", verify: verifyStory, trimTo: storiesTo},
	{letter: tablePause, name: "pauses", verify: verifyPause, first: true},
	{letter: tableWaiting, name: "waiting deliveries", verify: verifyDelivery},
	{letter: tableState, name: "states of objects", verify: verifyState},
	{letter: tableTouch, name: "delivery records", verify: verifyTouch, trimTo: touchKey},
	{letter: tableWork, name: "work requests", verify: verifyWork, trimTo: workKey},
	{letter: tableDead, name: "dead letters", verify: verifyDelivery},
}

// tableOf returns the table of a key; nil if there is none.
func tableOf(key []byte) *table {
	for i := range tables {
		if len(key) > 0 && tables[i].letter == key[0] {
			return &tables[i]
		}
	}
	return nil
}
