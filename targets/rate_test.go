package targets

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	for _, test := range []struct {
		text   string
		want   Rate
		second float64
		str    string
	}{
		{"", Rate{}, 0, ""},
		{"300/s", Rate{300, time.Second}, 300, "300/s"},
		{"30/m", Rate{30, time.Minute}, 0.5, "30/m"},
		{"36/h", Rate{36, time.Hour}, 0.01, "36/h"},
		{"1000 / 10s", Rate{1000, 10 * time.Second}, 100, "1000/10s"},
		{"5/1s", Rate{5, time.Second}, 5, "5/s"},
	} {
		t.Run(test.text, func(t *testing.T) {
			var r Rate
			if err := r.UnmarshalText([]byte(test.text)); err != nil {
				t.Fatal(err)
			}
			if r != test.want || r.PerSecond() != test.second || r.String() != test.str {
				t.Errorf("%+v, %v a second, %q, want %+v, %v, %q", r, r.PerSecond(), r, test.want, test.second, test.str)
			}
		})
	}
	for _, text := range []string{"300", "s", "/s", "0/s", "-1/s", "1.5/s", "10/", "10/x", "10/0s", "10/-1s", "10/s/s"} {
		t.Run("bad "+text, func(t *testing.T) {
			var r Rate
			if err := r.UnmarshalText([]byte(text)); err == nil {
				t.Errorf("read as %+v, want an error", r)
			}
		})
	}
}
