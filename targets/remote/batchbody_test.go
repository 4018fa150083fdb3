package remote

import (
	"testing"

	"signalbox/targets/targetstest"
)

func TestBatchIDs(t *testing.T) {
	batch := targetstest.BatchOf(3)
	id := batchID(batch)
	if again := batchID(targetstest.BatchOf(3)); again != id {
		t.Errorf("the same deliveries make %s and %s", id, again)
	}
	if other := batchID(batch[:2]); other == id {
		t.Error("other deliveries make the same id")
	}
	if got := deliveryIDs(targetstest.BatchOf(100)); got != targetstest.IDs(targetstest.BatchOf(100)) {
		t.Errorf("the ids of 100 deliveries are %q", got)
	}
	if got := deliveryIDs(targetstest.BatchOf(1000)); got != "" {
		t.Errorf("%d bytes of ids in a header", len(got))
	}
}
