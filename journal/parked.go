package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// KeyHash stands for an ordering key. Keys that share one share their order too,
// which costs them speed and nothing else.
type KeyHash uint64

// HashKey returns the hash of an ordering key: FNV-1a of 64 bits. It is part of keys
// on disk.
func HashKey(key string) KeyHash {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return KeyHash(h)
}

// KeyState is what an ordering key waits for.
type KeyState uint8

// The states of an ordering key.
const (
	// KeyGoesOn means that its head is ready, or that it has none and the first
	// parked delivery is next.
	KeyGoesOn KeyState = iota
	// KeyWaits means that its head waits for another attempt.
	KeyWaits
	// KeyStopped means that its head lies in the dead-letter queue, and that
	// nothing is sent until it has left it.
	KeyStopped
	// KeyHeld means that a paused rule holds its head back, or has just let it go.
	KeyHeld
)

// String returns the state in words.
func (s KeyState) String() string {
	switch s {
	case KeyWaits:
		return "waiting"
	case KeyStopped:
		return "stopped"
	case KeyHeld:
		return "held"
	default:
		return "going on"
	}
}

// KeyRecord is what the store knows of an ordering key of a lane. It is there as
// long as the key's head waits or has stopped the key, or deliveries are parked
// behind it: a delivery whose key has none may be sent at once.
type KeyRecord struct {
	Lane  LaneID
	Hash  KeyHash
	State KeyState
	// Key is the key's text, that of the delivery that made the record.
	Key string
	// Seq and N name the head, and Head is its delivery id; zero if it has none.
	Seq  Seq
	N    uint16
	Head string
	// Since is when the key was blocked.
	Since time.Time
}

// KeyChange is what becomes of an ordering key's record along with a move.
type KeyChange struct {
	Record KeyRecord
	// New means that there is no record of the key yet, Gone that there is to be
	// none any more. The lane knows; the counts rely on it.
	New, Gone bool
}

// AppendOrderKey appends the key of the record of an ordering key.
func AppendOrderKey(dst []byte, l LaneID, h KeyHash) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, TableOrder), uint32(l))
	return binary.BigEndian.AppendUint64(dst, uint64(h))
}

// storedKey is the record's form on disk.
type storedKey struct {
	State KeyState  `json:"state,omitempty"`
	Key   string    `json:"key"`
	Seq   Seq       `json:"seq,omitempty"`
	N     uint16    `json:"n,omitempty"`
	Head  string    `json:"head,omitempty"`
	Since time.Time `json:"since"`
}

// Value is the record as it is stored.
func (r *KeyRecord) Value() ([]byte, error) {
	v, err := json.Marshal(storedKey{State: r.State, Key: r.Key, Seq: r.Seq, N: r.N, Head: r.Head, Since: r.Since})
	if err != nil {
		return nil, fmt.Errorf("ordering key %q: %w", r.Key, err)
	}
	return v, nil
}

// OrderingKeys are the keys of lanes that are blocked, and what is parked behind them.
type OrderingKeys struct{ db *pebble.DB }

// Key returns the record of an ordering key, or ErrNotFound.
func (o *OrderingKeys) Key(l LaneID, h KeyHash) (KeyRecord, error) {
	k := AppendOrderKey(nil, l, h)
	v, closer, err := o.db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return KeyRecord{}, fmt.Errorf("ordering key %016x: %w", uint64(h), ErrNotFound)
	}
	if err != nil {
		return KeyRecord{}, fmt.Errorf("ordering key %016x: %w", uint64(h), err)
	}
	defer closer.Close()
	return readKey(k, v)
}

func readKey(k, v []byte) (KeyRecord, error) {
	var s storedKey
	if err := json.Unmarshal(v, &s); err != nil || len(k) != orderKeyLen {
		return KeyRecord{}, fmt.Errorf("ordering key %x: %w", k, ErrCorrupt)
	}
	return KeyRecord{
		Lane: LaneID(binary.BigEndian.Uint32(k[1:])), Hash: KeyHash(binary.BigEndian.Uint64(k[5:])),
		State: s.State, Key: s.Key, Seq: s.Seq, N: s.N, Head: s.Head, Since: s.Since,
	}, nil
}

// Blocked calls fn with the records of a lane's ordering keys, by hash, from one on,
// until fn says stop. It passes over what is parked.
func (o *OrderingKeys) Blocked(l LaneID, from KeyHash, fn func(KeyRecord) bool) error {
	_, upper := LaneRange(TableOrder, l)
	it, err := o.db.NewIter(&pebble.IterOptions{LowerBound: AppendOrderKey(nil, l, from), UpperBound: upper})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; {
		if len(it.Key()) != orderKeyLen { // parked under a record that is gone
			ok = it.Next()
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		r, err := readKey(it.Key(), v)
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(r) || r.Hash == ^KeyHash(0) {
			break
		}
		ok = it.SeekGE(AppendOrderKey(nil, l, r.Hash+1))
	}
	return errors.Join(it.Error(), it.Close())
}

// ParkedBehind calls fn with the parked deliveries of an ordering key and their
// events, from a place on, until fn says stop. Both are given memory of their
// own.
func (o *OrderingKeys) ParkedBehind(l LaneID, h KeyHash, from Cursor, fn func(Delivery, Record) bool) error {
	lower, upper := parkedRange(l, h, from)
	return readDeliveries(o.db, lower, upper, nil, fn)
}

// ParkedPlaces calls fn with the places of all parked deliveries of a lane, until
// fn says stop.
func (o *OrderingKeys) ParkedPlaces(l LaneID, fn func(Delivery) bool) error {
	lower, upper := LaneRange(TableOrder, l)
	return Scan(o.db, lower, upper, func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return true, nil // the record of a key
		}
		at := d
		if _, err := d.ReadValue(v); err != nil {
			return false, err
		}
		at.Key = d.Key
		return fn(at), nil
	})
}

// CountParked counts the parked deliveries of an ordering key, up to a limit.
func (o *OrderingKeys) CountParked(l LaneID, h KeyHash, limit int) (n int, err error) {
	lower, upper := parkedRange(l, h, Cursor{})
	err = Scan(o.db, lower, upper, func(_, _ []byte) (bool, error) {
		n++
		return n < limit, nil
	})
	return n, err
}

func parkedRange(l LaneID, h KeyHash, from Cursor) (lower, upper []byte) {
	key := AppendOrderKey(nil, l, h)
	lower = binary.BigEndian.AppendUint64(key[:len(key):len(key)], uint64(from.Seq))
	lower = binary.BigEndian.AppendUint16(lower, from.N)
	upper = binary.BigEndian.AppendUint64(key[:len(key):len(key)], ^uint64(0))
	return lower, upper
}

// verifyOrder checks a row of its table: the record of an ordering key, or a delivery that
// is parked behind it.
func verifyOrder(v *verifier, k, value []byte) {
	if len(k) == orderKeyLen {
		v.orderKey(k, value)
	} else {
		verifyDelivery(v, k, value)
	}
}
