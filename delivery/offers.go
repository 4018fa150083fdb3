package delivery

import (
	"cmp"
	"slices"

	"signalbox/delivery/queue"
)

// Offers are the deliveries of one request, gathered so that each lane is locked
// once for all of its own.
type Offers []Offer

// Offer is a new delivery for a lane.
type Offer struct {
	Lane *Lane
	Item *queue.Item
}

// Make offers every lane its items, in the order of their events.
func (o Offers) Make() {
	slices.SortStableFunc(o, func(a, b Offer) int { return cmp.Compare(a.Lane.ID, b.Lane.ID) })
	items := make([]*queue.Item, len(o))
	for i := range o {
		items[i] = o[i].Item
	}
	for begin := 0; begin < len(o); {
		end := begin + 1
		for end < len(o) && o[end].Lane == o[begin].Lane {
			end++
		}
		o[begin].Lane.Offer(items[begin:end]...)
		begin = end
	}
}
