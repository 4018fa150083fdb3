package journal

// table is one of the tables of the store: the rows whose keys begin with a letter. How
// its rows look is in the file that its functions are in.
type table struct {
	Letter byte
	Name   string
	// verify checks a row for Verify.
	verify func(v *verifier, key, value []byte)
	// first means that Verify reads the table before the others, which it is compared
	// with.
	first bool
	// TrimTo returns the end of what goes with the events before a number; nil for a
	// table whose rows outlive them, or go one by one.
	TrimTo func(oldest Seq) []byte
	// ByEvent means that its rows are of one event each, and stay as long as that: also of an
	// event that was put back for a delivery after retention had dropped it.
	ByEvent bool
}

// Tables are all tables. Keys sort as these letters do: the event log is first, so that a
// flushed file begins where the log ended before it, overlaps no older events, and is not
// written again.
var Tables = [...]table{
	{Letter: TableEvent, Name: "events", verify: verifyEvent, TrimTo: EventKey, ByEvent: true},
	{Letter: tableAudit, Name: "audit", verify: verifyAudit, TrimTo: auditsTo},
	{Letter: TableOrder, Name: "ordering keys", verify: verifyOrder},
	{Letter: TableCount, Name: "counters", verify: verifyCount, first: true},
	{Letter: TableReady, Name: "ready deliveries", verify: verifyDelivery},
	{Letter: tableDerived, Name: "derived events", verify: verifyDerived, TrimTo: derivedTo},
	{Letter: tableSnap, Name: "snapshots of objects", verify: verifySnapshot},
	{Letter: tableDocument, Name: "rule documents", verify: verifyDocument},
	{Letter: TableHeld, Name: "suspended deliveries", verify: verifyDelivery},
	{Letter: tableID, Name: "ids of producers", verify: verifyID, TrimTo: idsTo},
	{Letter: tableJob, Name: "jobs", verify: verifyJob},
	{Letter: TableDedup, Name: "fingerprints", verify: verifyFingerprint},
	{Letter: TableLane, Name: "lanes", verify: verifyLane, first: true},
	{Letter: TableMeta, Name: "the store itself", verify: verifyMeta},
	{Letter: tableRepeated, Name: "repeats", verify: verifyRepeated, TrimTo: RepeatedKey},
	{Letter: TableStory, Name: "correlations", verify: verifyStory, TrimTo: storiesTo},
	{Letter: tablePause, Name: "pauses", verify: verifyPause, first: true},
	{Letter: TableWaiting, Name: "waiting deliveries", verify: verifyDelivery},
	{Letter: tableState, Name: "states of objects", verify: verifyState},
	{Letter: TableTouch, Name: "delivery records", verify: verifyTouch, TrimTo: TouchKey, ByEvent: true},
	{Letter: tableChange, Name: "changes of objects", verify: verifyChange, TrimTo: changesTo},
	{Letter: TableWork, Name: "work requests", verify: verifyWork, TrimTo: WorkKey},
	{Letter: tableDead, Name: "dead letters", verify: verifyDelivery},
	{Letter: tableSchedule, Name: "schedules", verify: verifyMark},
	{Letter: tableArchive, Name: "archives", verify: verifyArchive, first: true},
}

// tableOf returns the table of a key; nil if there is none.
func tableOf(key []byte) *table {
	for i := range Tables {
		if len(key) > 0 && Tables[i].Letter == key[0] {
			return &Tables[i]
		}
	}
	return nil
}
