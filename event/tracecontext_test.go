package event

import (
	"math/rand/v2"
	"testing"
)

// TestRandomOfUUID: what decides whether a trace is sampled is what stands in its id, for every id.
func TestRandomOfUUID(t *testing.T) {
	const digits = "0123456789abcdefABCDEFgG-/:@`\x00\xff"
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		id := []byte("00000000-0000-0000-0000-000000000000")
		for i := range id {
			if id[i] == '0' || rng.IntN(200) == 0 {
				if id[i] = digits[rng.IntN(22)]; rng.IntN(150) == 0 {
					id[i] = digits[rng.IntN(len(digits))]
				}
			}
		}
		var hex [32]byte
		want, ok := uint64(0), uuidHex(&hex, string(id))
		if ok {
			want = randomOf(hex[:])
		}
		if got, fast := uuidRandom(string(id)); fast != ok || ok && got != want {
			t.Fatalf("%q: %x, %v; want %x, %v", id, got, fast, want, ok)
		}
	}
	for _, id := range []string{"", "00000000-0000-0000-0000-000000000000", "0000000000000000000000000000000000000"} {
		if _, ok := uuidRandom(id); ok {
			t.Errorf("%q is a UUID", id)
		}
	}
}
