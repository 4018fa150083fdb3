package main

import "sync"

// item is what can be ordered.
type item struct {
	price float64
	free  int
}

// stock is what the inventory has. It knows of each order what it holds, so that a
// message that comes twice changes nothing.
type stock struct {
	mu       sync.Mutex
	items    map[string]*item
	reserved map[string]int // pieces by order
	removed  map[string]int
}

func newStock() *stock {
	return &stock{
		items:    map[string]*item{"z3333": {19.90, 10}, "z4444": {249, 2}},
		reserved: map[string]int{},
		removed:  map[string]int{},
	}
}

func (s *stock) reserve(o *order) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserved[o.ID] > 0 || s.removed[o.ID] > 0 {
		return "ItemReserved"
	}
	it := s.items[o.Item]
	if it == nil || it.free < o.Quantity {
		return "ItemNotAvailable"
	}
	it.free -= o.Quantity
	s.reserved[o.ID] = o.Quantity
	return "ItemReserved"
}

func (s *stock) describe(o *order) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Price = s.items[o.Item].price * float64(o.Quantity)
	return "ItemDescribed"
}

func (s *stock) remove(o *order) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.reserved[o.ID]; n > 0 {
		s.removed[o.ID] = n
		delete(s.reserved, o.ID)
	}
	return "ItemRemoved"
}

func (s *stock) unreserve(o *order) string {
	s.free(o, s.reserved)
	return "ItemUnreserved"
}

func (s *stock) giveBack(o *order) string {
	s.free(o, s.removed)
	return "ItemReturned"
}

// free puts back what an order holds.
func (s *stock) free(o *order, held map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[o.Item].free += held[o.ID]
	delete(held, o.ID)
}
