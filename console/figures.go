package console

import (
	"net/http"

	"signalbox/history"
)

// figures are series of the last hour.
type figures []history.Series

// figures returns series; none where the program keeps none.
func (v *visit) figures(f history.Filter) (figures, error) {
	page, err := v.api.Store.History(v.ctx(), f)
	if statusOf(err) == http.StatusNotFound {
		return nil, nil
	}
	return page.Series, err
}

// figure is what a series is of.
type figure struct{ name, bus, rule, target string }

// by adds the series to an index.
func (all figures) by(index map[figure]history.Series) {
	for _, s := range all {
		index[figure{s.Name, s.Bus, s.Rule, s.Target}] = s
	}
}

// of returns the chart of a figure: of one target, or the sum of all where that is empty.
func (all figures) of(name, target, title, tone string) chart {
	c := chart{Title: title, Tone: tone}
	for _, s := range all {
		if s.Name == name && (target == "" || s.Target == target) {
			c.add(s)
		}
	}
	return c
}
