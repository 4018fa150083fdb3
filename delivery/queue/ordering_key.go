package queue

import "signalbox/journal"

// orderingKey is what memory knows of one ordering key.
type orderingKey struct {
	hash journal.KeyHash
	text string
	// items counts the deliveries of the key that the lane has in memory, and the changes
	// of its record that are on their way.
	items int
	// head is queued or under way; nil if none is.
	head  *Item
	chain []*Item
	// parking are on their way to the parked ones, parks counts all that went.
	parking []*Item
	parks   int
	// onDisk means that deliveries may be parked that are not in memory; none of
	// them lies before next.
	onDisk bool
	next   journal.Cursor
	// blocked means that the head, by, lies on disk and nothing may pass it.
	blocked bool
	by      key
	// recorded means that there is a record: its state and head are as below.
	recorded bool
	state    journal.KeyState
	recHead  key
	// resuming means that the key is among the resumes, or that they are being read.
	resuming bool
}

// free reports whether a delivery of the key may be sent at once.
func (k *orderingKey) free() bool {
	return k.head == nil && len(k.chain) == 0 && !k.blocked && !k.onDisk && len(k.parking) == 0
}

// waitsFor reports whether a delivery is the head that lies on disk.
func (k *orderingKey) waitsFor(it *Item) bool { return k.head == nil && k.blocked && k.by == it.key() }

// begin makes a delivery the head.
func (k *orderingKey) begin(it *Item) {
	it.order, k.head, k.blocked, k.text = k, it, false, it.Delivery.Key
	k.items++
	if k.state == journal.KeyStopped { // redriven: the record was changed with it
		k.state, k.recHead = journal.KeyGoesOn, it.key()
	}
}
