package api_test

import (
	"net/http"
	"testing"
	"time"

	"signalbox/schedule"
)

func TestSchedule(t *testing.T) {
	w := newWorldOf(t, worldRules+"  - {name: nightly, schedule: cron(0 2 * * ? 2190-2199), timezone: Europe/Berlin, targets: [console]}\n", "")
	got, err := w.client.Rules.Schedule(t.Context(), "default", "nightly", 2)
	must(t, err)
	first := time.Date(2190, 1, 1, 1, 0, 0, 0, time.UTC)
	if got.Schedule != "cron(0 2 * * ? 2190-2199)" || got.Timezone != "Europe/Berlin" || got.CatchUp != schedule.CatchUpNone || got.State != "enabled" ||
		len(got.Next) != 2 || !got.Next[0].Equal(first) || !got.Next[1].Equal(first.AddDate(0, 0, 1)) {
		t.Errorf("got %+v", got)
	}
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/rules/default/nightly/schedule", 200, `2190-01-10T01:00:00Z`},
		{"/v1/rules/default/nightly", 200, `"schedule":"cron(0 2 * * ? 2190-2199)","timezone":"Europe/Berlin","catch_up":"none"`},
		{"/v1/rules/default/nightly/schedule?limit=0", 400, "write a number from 1 to 1000"},
		{"/v1/rules/default/big/schedule", 404, `rule \"big\" has no schedule`},
		{"/v1/rules/default/nightli/schedule", 404, "did you mean"},
	} {
		t.Run(tt.path, func(t *testing.T) { w.ask(http.MethodGet, tt.path, "", tt.status, tt.want) })
	}
}
