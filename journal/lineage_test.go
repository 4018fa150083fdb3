package journal

import (
	"fmt"
	"testing"
)

func TestLineageIsBoundedAndNeverChanged(t *testing.T) {
	var l *Lineage
	for i := range 20 {
		before := l
		l = l.With(Redrive{Job: fmt.Sprint(i)}, Out{})
		if before != nil && (before.Count != i || before.Redrives[len(before.Redrives)-1].Job != fmt.Sprint(i-1)) {
			t.Fatalf("redrive %d changed the lineage before it: %+v", i, before)
		}
		l = l.Ended()
	}
	if l.Count != 20 || len(l.Redrives) != maxRedrives || l.Redrives[0].Job != "12" || l.Redrives[7].Job != "19" {
		t.Errorf("got %+v", l)
	}
	if u := l.Undone(); u.Count != 19 || u.Redrives[len(u.Redrives)-1].Job != "18" || u.Out != nil {
		t.Errorf("undone: %+v", u)
	}
	var none *Lineage
	if u := none.With(Redrive{}, Out{}).Undone(); u != nil {
		t.Errorf("the only one undone: %+v", u)
	}
}

func TestOriginalIsTheFirstRendering(t *testing.T) {
	with := func(o Out) Delivery {
		var none *Lineage
		return Delivery{Body: []byte("now"), Lineage: none.With(Redrive{}, o)}
	}
	for name, tc := range map[string]struct {
		d    Delivery
		want any
	}{
		"not redriven": {Delivery{Body: []byte("now")}, []byte("now")},
		"stored":       {with(Out{}), []byte("now")},
		"current":      {with(Out{Replaced: true, Body: []byte("first")}), []byte("first")},
		"empty":        {with(Out{Replaced: true}), []byte{}},
		"the event":    {with(Out{Replaced: true, Whole: true}), []byte(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.d.Original(); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", tc.want) {
				t.Errorf("got %#v, want %#v", got, tc.want)
			}
		})
	}
}
