package journal

// heads counts, for one lane, the ordering keys that wait for their head's next
// attempt, and the deliveries that are such a head.
type heads struct{ keys, waiting uint64 }

// head checks that the head of a blocked ordering key lies where the key's state
// says.
func (v *verifier) head(r *KeyRecord) {
	there := true
	switch r.State {
	case KeyWaits: // when it is due the record does not say: see waitsAsHead
		h := v.heads[r.Lane]
		h.keys++
		v.heads[r.Lane] = h
	case KeyStopped:
		there = v.isHead(r, Delivery{State: Dead})
	case KeyHeld:
		there = v.isHead(r, Delivery{State: Ready}) // let go, and not yet attempted
		for hold := range v.holds {
			there = there || v.isHead(r, Delivery{State: Held, Hold: hold})
		}
	}
	if !there {
		v.fault("ordering key %q of lane %q: it is %v, and its head %d/%d is not", r.Key, v.lanes[r.Lane], r.State, r.Seq, r.N)
	}
}

// isHead reports whether the head of an ordering key lies in a place.
func (v *verifier) isHead(r *KeyRecord, at Delivery) bool {
	at.Lane, at.Seq, at.N = r.Lane, r.Seq, r.N
	value, closer, err := v.view.Get(at.AppendKey(nil))
	if err != nil {
		return false
	}
	defer closer.Close()
	_, err = at.ReadValue(value)
	return err == nil && at.Lane == r.Lane && HashKey(at.Key) == r.Hash
}

// waitsAsHead checks that a waiting delivery with an ordering key is what the record
// of the key says that it waits for.
func (v *verifier) waitsAsHead(d *Delivery) {
	h := v.heads[d.Lane]
	h.waiting++
	v.heads[d.Lane] = h
	k := AppendOrderKey(nil, d.Lane, HashKey(d.Key))
	value, closer, err := v.view.Get(k)
	if err != nil {
		v.fault("delivery %d/%d: it waits and its ordering key %q has no record: %v", d.Seq, d.N, d.Key, err)
		return
	}
	defer closer.Close()
	if r, err := readKey(k, value); err != nil || r.State != KeyWaits || r.Seq != d.Seq || r.N != d.N {
		v.fault("delivery %d/%d: it waits, and the record of its ordering key %q does not say so", d.Seq, d.N, d.Key)
	}
}

// compareHeads reports ordering keys that wait for nothing.
func (v *verifier) compareHeads() {
	for l, h := range v.heads {
		if h.keys > h.waiting {
			v.fault("lane %q: %d ordering keys wait for their heads, of which %d do wait", v.lanes[l], h.keys, h.waiting)
		}
	}
}
