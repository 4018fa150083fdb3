package history

import (
	"maps"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// bucket is one of a histogram: what it has counted, up to and with an upper bound.
type bucket struct {
	upper float64
	count uint64
}

// taken is a histogram as it stood when figures were last taken. Native buckets have the
// index that belongs to their schema.
type taken struct {
	schema  int32
	native  map[int32]uint64
	classic []*dto.Bucket
}

// quantile returns the 99th percentile of what a histogram has counted since figures were last
// taken: the upper bound of its bucket; 0 where there was nothing. Native buckets are taken
// where there are some, as they are narrower.
func (r *ring) quantile(h *dto.Histogram) float64 {
	before := r.taken
	r.taken = taken{schema: h.GetSchema(), native: natives(h), classic: h.GetBucket()}
	grown, total := r.taken.since(&before)
	if total == 0 {
		return 0
	}
	sum := uint64(0)
	for _, b := range grown {
		if sum += b.count; float64(sum) >= 0.99*float64(total) {
			return b.upper
		}
	}
	return 0 // beyond the last classic bucket, or counted as zero
}

// since returns what has been counted since an earlier time, by bucket, and in all.
func (t *taken) since(before *taken) (grown []bucket, total uint64) {
	if t.native == nil {
		return t.classicSince(before)
	}
	earlier := before.reduced(t.schema)
	for _, i := range slices.Sorted(maps.Keys(t.native)) {
		n := t.native[i]
		if was := earlier[i]; was <= n { // one that counts less has begun anew
			n -= was
		}
		total += n
		// https://prometheus.io/docs/specs/native_histograms/#schema
		grown = append(grown, bucket{math.Exp2(float64(i) * math.Exp2(-float64(t.schema))), n})
	}
	return grown, total
}

func (t *taken) classicSince(before *taken) (grown []bucket, total uint64) {
	for i, b := range t.classic {
		n := b.GetCumulativeCount()
		if i < len(before.classic) && before.classic[i].GetCumulativeCount() <= n {
			n -= before.classic[i].GetCumulativeCount()
		}
		grown = append(grown, bucket{b.GetUpperBound(), n - min(n, total)})
		total = max(n, total)
	}
	return grown, total
}

// reduced returns native buckets in a schema that has as many or fewer.
func (t *taken) reduced(schema int32) map[int32]uint64 {
	if t.schema == schema || t.native == nil {
		return t.native
	}
	if schema > t.schema { // it was reset, and is finer again
		return nil
	}
	all := map[int32]uint64{}
	for i, n := range t.native {
		all[(i-1)>>(t.schema-schema)+1] += n
	}
	return all
}

// natives returns the native buckets of a histogram by index; nil where it has none.
func natives(h *dto.Histogram) map[int32]uint64 {
	if len(h.GetPositiveSpan()) == 0 || len(h.GetPositiveDelta()) == 0 {
		return nil
	}
	all, i, n, next := map[int32]uint64{}, int32(0), int64(0), 0
	for _, s := range h.GetPositiveSpan() {
		i += s.GetOffset()
		for range s.GetLength() {
			n += h.GetPositiveDelta()[next]
			all[i] = uint64(n)
			i, next = i+1, next+1
		}
	}
	return all
}
