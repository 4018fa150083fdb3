package exprenv

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOrderKey(t *testing.T) {
	long := strings.Repeat("ä", 200)
	env, err := New(order(`{"id": "o-1", "n": 7, "f": 1.50, "big": 18446744073709551616, "yes": true, "empty": "", "long": "` + long + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	env.Metadata.PartitionKey = "p"
	for _, tt := range []struct{ source, want string }{
		{`detail.id`, "o-1"},
		{`detail.n`, "7"},
		{`detail.f`, "1.5"},
		{`detail.big`, "1.8446744073709552e+19"},
		{`detail.yes`, "true"},
		{`detail.empty`, ""},
		{`detail.gone`, ""},
		{`detail.gone?.deeper`, ""},
		{`metadata.partition_key`, "p"},
		{`source + "/" + string(detail.n)`, "shop.orders/7"},
		{`metadata.hops`, "2"},
		{`nil`, ""},
	} {
		t.Run(tt.source, func(t *testing.T) {
			k, err := CompileOrderKey(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Of(env); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	k, err := CompileOrderKey("detail.long")
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Of(env)
	if err != nil || len(got) > maxOrderKey || !strings.HasPrefix(got, "ää") || got == long || !utf8.ValidString(got) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOrderKeyErrors(t *testing.T) {
	for _, tt := range []struct {
		source string
		offset int
		want   string
	}{
		{``, 0, "the expression is empty"},
		{`detial.id`, 0, "unknown name detial (did you mean \"detail\"?)"},
		{`resources`, 0, "the result is a list, which can't be an ordering key (choose a field"},
		{`detail`, 0, "the result is an object, which can't be an ordering key"},
		{`time`, 0, "the result is time.Time, which can't be an ordering key"},
	} {
		t.Run(tt.source, func(t *testing.T) {
			_, err := CompileOrderKey(tt.source)
			checkError(t, err, tt.offset, tt.want)
		})
	}
	env, err := New(order(`{"list": [1]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		source string
		offset int
		want   string
	}{
		{`detail.list`, 0, "the result is a list, which can't be an ordering key (it must be a string"},
		{`detail.gone.deeper`, 12, "cannot fetch deeper from <nil>"},
	} {
		t.Run(tt.source, func(t *testing.T) {
			k, err := CompileOrderKey(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			_, err = k.Of(env)
			checkError(t, err, tt.offset, tt.want)
		})
	}
}
