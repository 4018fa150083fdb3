package secret

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Hash shows whether a secret has changed, and tells secrets apart. It must not be shown: a
// weak secret could be guessed from it.
type Hash [sha256.Size]byte

// Resolving notes what is resolved.
type Resolving struct {
	hash hash.Hash
	// Outside reports whether anything came from outside the configuration.
	Outside bool
}

// Resolving returns a Source that resolves references as s does, and what notes all
// that it gives. It is not safe for concurrent use.
func (s Source) Resolving() (Source, *Resolving) {
	r := &Resolving{hash: sha256.New()}
	return Source{
		LookupEnv: func(name string) (string, bool) {
			value, ok := s.lookupEnv(name)
			r.note(name, []byte(value), ok)
			return value, ok
		},
		ReadFile: func(path string) ([]byte, error) {
			text, err := s.Read(path)
			r.note(path, text, err == nil)
			return text, err
		},
		Keys:   s.Keys,
		limits: s.limits, unsealed: s.unsealed,
	}, r
}

// note adds one reference; lengths keep its parts apart.
func (r *Resolving) note(name string, value []byte, ok bool) {
	head := binary.AppendUvarint(nil, uint64(len(name)))
	head = binary.AppendUvarint(append(head, name...), uint64(len(value)))
	if ok {
		r.Outside = true
		head = append(head, 1)
	}
	r.hash.Write(append(head, value...))
}

// Add notes what another Resolving has noted.
func (r *Resolving) Add(other Hash) { r.hash.Write(other[:]) }

// Sum is the hash of what has been noted.
func (r *Resolving) Sum() Hash { return Hash(r.hash.Sum(nil)) }
