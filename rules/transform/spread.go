package transform

// path is where a value stands in an event, or with spread where several do.
type path struct {
	steps []step
	// spread is what follows the first [*]; nil if there is none.
	spread *spread
}

// spread leads from each item of an array to a value in it.
type spread struct {
	within *node
	// next leads on from that value; nil if it is what is looked for.
	next *spread
}

// splitPath cuts a path at its wildcards.
func splitPath(steps []step) path {
	for i, s := range steps {
		if s.all {
			rest := splitPath(steps[i+1:])
			within := &node{}
			within.add(rest.steps, 0)
			return path{steps: steps[:i], spread: &spread{within: within, next: rest.spread}}
		}
	}
	return path{steps: steps}
}

// list returns what the items of an array hold, as a JSON list; an empty one where
// there is no array. Without a spread it is the value itself.
func (s *spread) list(value []byte) ([]byte, error) {
	if s == nil {
		return value, nil
	}
	list, err := s.appendItems([]byte{'['}, value)
	return append(list, ']'), err
}

func (s *spread) appendItems(list, value []byte) ([]byte, error) {
	items := scanner{text: value}
	if !items.at('[') {
		return list, nil
	}
	items.pos++
	for items.space(); !items.at(']'); items.space() {
		if items.at(',') {
			items.pos++
			items.space()
		}
		start := items.pos
		err := items.skip()
		if err == nil {
			list, err = s.appendItem(list, value[start:items.pos])
		}
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

func (s *spread) appendItem(list, item []byte) ([]byte, error) {
	var found [1]span
	if err := s.within.find(item, found[:]); err != nil || !found[0].exists() {
		return list, err
	}
	value := found[0].of(item)
	if s.next != nil {
		return s.next.appendItems(list, value)
	}
	if len(list) > 1 {
		list = append(list, ',')
	}
	return append(list, value...), nil
}
