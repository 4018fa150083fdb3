package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/schedule"
)

func TestAScheduleMakesItsRuleFireAndNothingElseDoes(t *testing.T) {
	set := mustLoad(t, `
buses: {shop: {}}
rules:
  - {name: nightly, bus: shop, schedule: cron(0 2 * * ? *), timezone: Europe/Berlin, catch_up: last, targets: []}
  - {name: both, schedule: rate(5 minutes), pattern: {source: [aws.events, shop.orders]}, targets: []}
  - {name: off, schedule: rate(1 day), state: disabled, targets: []}
  - {name: listens, pattern: {source: [aws.events]}, targets: []}
`)
	schedules := set.Schedules()
	if len(schedules) != 2 || schedules[0].Name != "both" || schedules[1].Bus != "shop" || schedules[1].CatchUp != schedule.CatchUpLast {
		t.Fatalf("the schedules are %+v", schedules)
	}
	at := time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		what, want string
		event      func() *event.Event
	}{
		{"the time of nightly", "nightly", func() *event.Event { return schedules[1].Event(at) }},
		{"the time of both", "both listens", func() *event.Event { return schedules[0].Event(at) }},
		{"what is sent in the place of nightly's", "", func() *event.Event {
			e := schedules[1].Event(at)
			e.Meta.Scheduled = false
			return e
		}},
		{"what is sent in the place of both's", "both listens", func() *event.Event { // it matches its pattern
			e := schedules[0].Event(at)
			e.Meta.Scheduled = false
			return e
		}},
		{"another event", "both", func() *event.Event { ev, _ := shopEvent("default", "{}"); return ev }},
	} {
		e := test.event()
		var names []string
		for _, m := range set.Match(e, e.Envelope(), nil) {
			names = append(names, m.Rule.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: %q match, want %q", test.what, got, test.want)
		}
	}
}

func TestScheduleErrors(t *testing.T) {
	for _, test := range []struct{ rule, want string }{
		{"schedule: cron(0 2 * * * *)", `schedule: one of day-of-month and day-of-week must be ?`},
		{"schedule: every day", `schedule: "every day" is no schedule: write rate(1 minute)`},
		{"schedule: cron(0 2 * * ? *), timezone: Mars", `schedule: no time zone "Mars"`},
		{"schedule: rate(1 day), catch_up: lst", `catch_up: unknown catch_up "lst" (did you mean "last"?)`},
		{"pattern: {source: [a]}, timezone: UTC", `timezone: is only for rules with a schedule`},
		{"pattern: {source: [a]}, catch_up: all", `catch_up: is only for rules with a schedule`},
		{"state: enabled", `has no pattern: write one`},
	} {
		_, _, err := loadText(t, map[string]string{"r.yaml": "rules:\n  - {name: r, " + test.rule + ", targets: []}\n"}, nil)
		if err == nil || !strings.Contains(err.Error(), "r.yaml:2:") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want %q", test.rule, err, test.want)
		}
	}
	set, _, err := loadText(t, map[string]string{"r.yaml": "rules:\n  - {name: r, schedule: cron(0 0 1 1 ? 2002), targets: []}\n"}, nil)
	if err != nil || !strings.Contains(fmt.Sprint(set.Warnings), "schedule: does not fire any more") {
		t.Errorf("a time of the past: %v, %v", err, set.Warnings)
	}
}
