package router

import (
	"cmp"
	"slices"
)

// offers are the deliveries of one request, gathered so that each lane is locked
// once for all of its own.
type offers []offer

type offer struct {
	lane *lane
	item *item
}

// make offers every lane its items, in the order of their events.
func (o offers) make() {
	slices.SortStableFunc(o, func(a, b offer) int { return cmp.Compare(a.lane.id, b.lane.id) })
	items := make([]*item, len(o))
	for i := range o {
		items[i] = o[i].item
	}
	for begin := 0; begin < len(o); {
		end := begin + 1
		for end < len(o) && o[end].lane == o[begin].lane {
			end++
		}
		o[begin].lane.offer(items[begin:end]...)
		begin = end
	}
}
