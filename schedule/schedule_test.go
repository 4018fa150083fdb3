package schedule

import (
	"strings"
	"testing"
	"time"
)

// firings returns the next n times after a moment.
func firings(t *testing.T, text, zone, after string, n int) []string {
	t.Helper()
	s, err := Parse(text, zone)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for range n {
		next, ok := s.Next(at)
		if !ok {
			return append(all, "never")
		}
		if !next.After(at) {
			t.Fatalf("%s: %v comes not after %v", text, next, at)
		}
		all = append(all, next.Format("Mon 2006-01-02T15:04:05"))
		at = next
	}
	return all
}

func TestNext(t *testing.T) {
	// The first ones are those of EventBridge's guide to cron expressions.
	for _, test := range []struct{ text, after, want string }{
		{"cron(0 10 * * ? *)", "2026-11-27T09:59:59Z", "Fri 2026-11-27T10:00:00, Sat 2026-11-28T10:00:00"},
		{"cron(15 12 * * ? *)", "2026-11-27T12:15:00Z", "Sat 2026-11-28T12:15:00"},
		{"cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00:00Z", "Mon 2026-11-30T18:00:00, Tue 2026-12-01T18:00:00"},
		{"cron(0 8 1 * ? *)", "2026-11-27T00:00:00Z", "Tue 2026-12-01T08:00:00, Fri 2027-01-01T08:00:00"},
		{"cron(0/15 * * * ? *)", "2026-11-27T23:44:59Z", "Fri 2026-11-27T23:45:00, Sat 2026-11-28T00:00:00"},
		{"cron(0/10 * ? * MON-FRI *)", "2026-11-27T23:50:00Z", "Mon 2026-11-30T00:00:00, Mon 2026-11-30T00:10:00"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "2026-11-27T17:50:00Z", "Fri 2026-11-27T17:55:00, Mon 2026-11-30T08:00:00"},
		{"cron(0/30 20-2 ? * MON-FRI *)", "2026-11-27T23:30:00Z", "Mon 2026-11-30T00:00:00, Mon 2026-11-30T00:30:00"},
		{"cron(0/30 20-2 ? * MON-FRI *)", "2026-11-30T02:30:00Z", "Mon 2026-11-30T20:00:00"},
		{"cron(15 10 ? * 6L 2002-2005)", "2002-01-01T00:00:00Z", "Fri 2002-01-25T10:15:00, Fri 2002-02-22T10:15:00"},
		{"cron(15 10 ? * 6L 2002-2005)", "2005-12-30T10:15:00Z", "never"},
		{"cron(0 2 ? * SAT#3 *)", "2026-11-27T00:00:00Z", "Sat 2026-12-19T02:00:00, Sat 2027-01-16T02:00:00"},
		{"cron(5,35 14 * * ? *)", "2026-11-27T14:05:00Z", "Fri 2026-11-27T14:35:00, Sat 2026-11-28T14:05:00"},
		{"cron(0/5 5 ? JAN 1-5 2022)", "2022-01-01T00:00:00Z", "Sun 2022-01-02T05:00:00, Sun 2022-01-02T05:05:00"},
		{"cron(1/10 0 * * ? *)", "2026-11-27T00:01:00Z", "Fri 2026-11-27T00:11:00"},

		{"cron(0 0 L * ? *)", "2027-02-01T00:00:00Z", "Sun 2027-02-28T00:00:00, Wed 2027-03-31T00:00:00"},
		{"cron(0 0 L-3 2 ? *)", "2027-03-01T00:00:00Z", "Sat 2028-02-26T00:00:00"},
		{"cron(0 0 1W * ? *)", "2027-04-30T12:00:00Z", "Mon 2027-05-03T00:00:00"},                           // the 1st is a Saturday
		{"cron(0 0 31W * ? *)", "2027-01-01T00:00:00Z", "Fri 2027-01-29T00:00:00, Wed 2027-03-31T00:00:00"}, // the 31st a Sunday
		{"cron(0 0 15W * ? *)", "2027-05-01T00:00:00Z", "Fri 2027-05-14T00:00:00"},                          // the 15th a Saturday
		{"cron(0 0 15W * ? *)", "2027-08-01T00:00:00Z", "Mon 2027-08-16T00:00:00"},                          // a Sunday
		{"cron(0 0 LW * ? *)", "2027-01-01T00:00:00Z", "Fri 2027-01-29T00:00:00, Fri 2027-02-26T00:00:00"},
		{"cron(0 0 1,15,L * ? *)", "2027-02-02T00:00:00Z", "Mon 2027-02-15T00:00:00, Sun 2027-02-28T00:00:00, Mon 2027-03-01T00:00:00"},
		{"cron(0 0 ? * L *)", "2026-11-27T00:00:00Z", "Sat 2026-11-28T00:00:00, Sat 2026-12-05T00:00:00"},
		{"cron(0 0 ? * MON,6L *)", "2026-11-24T00:00:00Z", "Fri 2026-11-27T00:00:00, Mon 2026-11-30T00:00:00"},
		{"cron(0 0 ? * FRI-MON *)", "2026-11-23T00:00:00Z", "Fri 2026-11-27T00:00:00, Sat 2026-11-28T00:00:00, Sun 2026-11-29T00:00:00, Mon 2026-11-30T00:00:00, Fri 2026-12-04T00:00:00"},
		{"cron(0 0 ? 2 MON#5 *)", "2026-01-01T00:00:00Z", "Mon 2044-02-29T00:00:00"},
		{"cron(0 0 29 2 ? *)", "2027-01-01T00:00:00Z", "Tue 2028-02-29T00:00:00, Sun 2032-02-29T00:00:00"},
		{"cron(0 0 30 feb ? *)", "2027-01-01T00:00:00Z", "never"},
		{"cron(0 0 ? 2 MON#5 2023)", "2022-01-01T00:00:00Z", "never"},
		{"cron(59 23 31 12 ? 2199)", "2026-01-01T00:00:00Z", "Tue 2199-12-31T23:59:00, never"},
		{"cron(0 */6 * * ? *)", "2026-11-27T13:00:00Z", "Fri 2026-11-27T18:00:00, Sat 2026-11-28T00:00:00"},
		{"cron(50-10/10 1 * * ? *)", "2026-11-27T00:00:00Z", "Fri 2026-11-27T01:00:00, Fri 2026-11-27T01:10:00, Fri 2026-11-27T01:50:00"},

		{"rate(1 minute)", "2026-11-27T09:59:59.5Z", "Fri 2026-11-27T10:00:00, Fri 2026-11-27T10:01:00"},
		{"rate(10 minutes)", "2026-11-27T10:00:00Z", "Fri 2026-11-27T10:10:00"},
		{"rate(1 hour)", "2026-11-27T10:00:00Z", "Fri 2026-11-27T11:00:00"},
		{"rate(7 days)", "2026-11-27T10:00:00Z", "Mon 2026-11-30T00:00:00"},
	} {
		want := strings.Split(test.want, ", ")
		if got := firings(t, test.text, "", test.after, len(want)); strings.Join(got, ", ") != test.want {
			t.Errorf("%s after %s fires at %s, want %s", test.text, test.after, strings.Join(got, ", "), test.want)
		}
	}
}

func TestNextInAZone(t *testing.T) {
	for _, test := range []struct{ what, text, zone, after, want string }{
		{"winter", "cron(0 8 * * ? *)", "Europe/Berlin", "2026-11-27T00:00:00Z", "Fri 2026-11-27T07:00:00"},
		{"summer", "cron(0 8 * * ? *)", "Europe/Berlin", "2026-07-01T00:00:00Z", "Wed 2026-07-01T06:00:00"},
		{"half past two does not come", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00Z", "Mon 2026-03-30T00:30:00"},
		{"quarters skip an hour", "cron(0/15 * * * ? *)", "Europe/Berlin", "2026-03-29T00:45:00Z", "Sun 2026-03-29T01:00:00"},
		{"half past two comes twice and fires once", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", "Sun 2026-10-25T00:30:00, Mon 2026-10-26T01:30:00"},
		{"from within the hour that comes again", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T01:00:00Z", "Mon 2026-10-26T01:30:00"},
		{"west of Greenwich", "cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00:00Z", "Sun 2026-11-01T05:30:00, Mon 2026-11-02T06:30:00"},
		{"half an hour", "cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "Sun 2026-10-04T15:15:00"},
		{"a day that an island left out", "cron(0 10 30 12 ? *)", "Pacific/Apia", "2011-12-01T00:00:00Z", "Sat 2012-12-29T20:00:00"},
		{"the month ends where the zone is", "cron(0 0 1 * ? *)", "Asia/Tokyo", "2026-11-27T00:00:00Z", "Mon 2026-11-30T15:00:00"},
	} {
		want := strings.Split(test.want, ", ")
		if got := firings(t, test.text, test.zone, test.after, len(want)); strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %s fires at %s, want %s", test.what, test.text, strings.Join(got, ", "), test.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ text, zone, want string }{
		// These are refused by EventBridge too.
		{"rate(10 seconds)", "", "is no schedule: write rate(1 minute)"},
		{"rate(10 years)", "", "is no schedule"},
		{"rate(1 minutes)", "", "is no schedule"},
		{"rate(1 hours)", "", "is no schedule"},
		{"rate(1 days)", "", "is no schedule"},
		{"rate(10 minute)", "", "is no schedule"},
		{"rate(10 hour)", "", "is no schedule"},
		{"rate(10 day)", "", "is no schedule"},
		{"rate()", "", "is no schedule"},
		{"rate(10)", "", "is no schedule"},
		{"rate(10 minutess)", "", "is no schedule"},
		{"rate(foo minutes)", "", "is no schedule"},
		{"rate(0 minutes)", "", "is no schedule"},
		{"rate(-10 minutes)", "", "is no schedule"},
		{"rate(10 MINUTES)", "", "is no schedule"},
		{"rate( 10 minutes )", "", "is no schedule"},
		{" rate(10 minutes)", "", "is no schedule"},
		{"cron(INVALID)", "", "has 1 fields and must have six"},
		{"cron(0 dummy ? * MON-FRI *)", "", `hours: "dummy" is not a number from 0 to 23`},
		{"cron(7 20 * * NOT *)", "", "one of day-of-month and day-of-week must be ?"},
		{"cron(71 8 1 * ? *)", "", `minutes: "71" is not a number from 0 to 59`},
		{"cron(0 1 * * * *)", "", "one of day-of-month and day-of-week must be ?"},

		{"", "", "is no schedule"},
		{"cron(0 8 * * ? *", "", "is no schedule"},
		{"cron(0 8 * * ? *) ", "", "is no schedule"},
		{"cron(0 8 ? * ? *)", "", "they are ? and ?"},
		{"cron(? 8 * * ? *)", "", `minutes: "?" is not`},
		{"cron(0 8 * * ? * *)", "", "has 7 fields"},
		{"cron(0 8 32 * ? *)", "", "day-of-month"},
		{"cron(0 8 0 * ? *)", "", "day-of-month"},
		{"cron(0 8 * 13 ? *)", "", "or a name such as FEB"},
		{"cron(0 8 ? * 0 *)", "", "or a name such as MON"},
		{"cron(0 8 ? * 8 *)", "", "day-of-week"},
		{"cron(0 8 ? * MON#6 *)", "", "from 1 to 5 behind the #"},
		{"cron(0 8 ? * MON#1,FRI#2 *)", "", "a # in a list"},
		{"cron(0 8 ? * XL *)", "", "day-of-week"},
		{"cron(0 8 L-0 * ? *)", "", "behind L-"},
		{"cron(0 8 L-31 * ? *)", "", "behind L-"},
		{"cron(0 8 32W * ? *)", "", "day-of-month"},
		{"cron(0 8 W * ? *)", "", "day-of-month"},
		{"cron(0 8 ? * 15W *)", "", "day-of-week"},
		{"cron(0/0 8 * * ? *)", "", "has no step"},
		{"cron(0/60 8 * * ? *)", "", "has no step from 1 to 59"},
		{"cron(0/+5 8 * * ? *)", "", "has no step"},
		{"cron(+5 8 * * ? *)", "", "is not a number"},
		{"cron(1- 8 * * ? *)", "", "is not a number"},
		{"cron(, 8 * * ? *)", "", "is not a number"},
		{"cron(0 8 * * ? 1969)", "", "from 1970 to 2199"},
		{"cron(0 8 * * ? 2030-2020)", "", "ends before it begins"},
		{"cron(" + strings.Repeat("1,", 200) + "1 8 * * ? *)", "", "at most 256"},
		{"rate(999999999999 days)", "", "is too long: at most 106000 days"},
		{"rate(99999999999999999999 minutes)", "", "is too long"},
		{"rate(5 minutes)", "Europe/Berlin", "a rate has no time zone"},
		{"cron(0 8 * * ? *)", "Europe/Berlni", `no time zone "Europe/Berlni"`},
		{"cron(0 8 * * ? *)", "Local", "another one on each machine"},
		{"cron(0 8 * * ? *)", "../../etc/passwd", "no time zone"},
	} {
		switch s, err := Parse(test.text, test.zone); {
		case err == nil:
			t.Errorf("%q is taken for %v", test.text, s)
		case !strings.Contains(err.Error(), test.want):
			t.Errorf("%q: the error is %q, want %q in it", test.text, err, test.want)
		}
	}
}

// FuzzParse holds that whatever is read fires in order, and that each search ends.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"rate(5 minutes)", "cron(0/5 8-17 ? * MON-FRI 2020-2030)", "cron(0 0 LW 2 ? *)", "cron(1,2-5/2 * ? * 3#5 *)"} {
		f.Add(seed, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, text, zone string) {
		s, err := Parse(text, zone)
		if err != nil {
			if s, err = Parse(text, ""); err != nil {
				return
			}
		}
		at := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)
		for range 50 {
			next, ok := s.Next(at)
			if !ok {
				return
			}
			if !next.After(at) || next.Second() != 0 || next.Nanosecond() != 0 {
				t.Fatalf("%q: %v after %v", text, next, at)
			}
			at = next
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, text := range []string{"rate(5 minutes)", "cron(0 8 ? * MON-FRI *)", "cron(0 0 30 2 ? *)"} {
		s, err := Parse(text, "")
		if err != nil {
			b.Fatal(err)
		}
		at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
		b.Run(strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Next(at)
			}
		})
	}
}
