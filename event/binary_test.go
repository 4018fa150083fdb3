package event

import (
	"encoding"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	_ encoding.BinaryAppender    = (*Metadata)(nil)
	_ encoding.BinaryUnmarshaler = (*Metadata)(nil)
)

func fullMetadata() Metadata {
	return Metadata{
		Bus: "orders", Received: time.Date(2024, 3, 1, 12, 30, 0, 123456789, time.UTC),
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState: "a=b",
		XRay: "Root=1-5759e988-bd862e3fe1be46a994272793", CorrelationID: "c", CausationID: "d", Hops: 3, Root: 1 << 63, Derived: 9999,
		Synthetic: true, Kind: KindCommand, KindByName: true, TellsState: true, Scheduled: true, SchemaVersion: "2.1", DedupKey: "e", PartitionKey: "f",
		Format: FormatCloudEvents, DataForm: DataBase64,
		Extensions: []Attribute{{"subject", `"s"`}, {"time", "null"}},
		Path:       []Hop{{"g", "OrderCreated", "orders", "reserve", "inventory"}, {}},
	}
}

func TestMetadataBinary(t *testing.T) {
	tests := map[string]Metadata{
		"zero":          {},
		"typical":       {Received: time.Unix(1700000000, 5).UTC(), Format: FormatEventBridge},
		"full":          fullMetadata(),
		"before 1970":   {Received: time.Date(1700, 1, 1, 0, 0, 0, 1, time.UTC)},
		"one extension": {Extensions: []Attribute{{}}},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			data, err := want.AppendBinary([]byte("prefix"))
			if err != nil {
				t.Fatal(err)
			}
			data = data[len("prefix"):]
			got := fullMetadata() // all of it must be overwritten
			if err := got.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			for n := range data {
				if err := new(Metadata).UnmarshalBinary(data[:n]); err == nil {
					t.Errorf("no error for the first %d of %d bytes", n, len(data))
				}
			}
		})
	}
}

// Every field of Metadata must be in the binary form, and in fullMetadata.
func TestFullMetadataIsFull(t *testing.T) {
	v := reflect.ValueOf(fullMetadata())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is zero", v.Type().Field(i).Name)
		}
	}
}

func TestMetadataBinaryRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"version": {[]byte{9, 0}, "version 9 is not known here"},
		"fields":  {[]byte{1, 0xff, 0xff, 0xff, 0x7f}, "unknown fields"},
		"longer":  {[]byte{1, 0, 0}, "1 bytes too many"},
		"lengths": {[]byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			err := new(Metadata).UnmarshalBinary(test.data)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	for name, m := range map[string]Metadata{
		"hops":    {Hops: -1},
		"derived": {Derived: -1},
		"year":    {Received: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := m.AppendBinary(nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzMetadataUnmarshalBinary(f *testing.F) {
	for _, m := range []Metadata{{}, fullMetadata()} {
		data, _ := m.AppendBinary(nil)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again Metadata
		if m.UnmarshalBinary(data) != nil {
			return
		}
		encoded, err := m.AppendBinary(nil)
		if err != nil {
			return // a time that is zero in nanoseconds cannot be told from none
		}
		if err := again.UnmarshalBinary(encoded); err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

func BenchmarkMetadataBinary(b *testing.B) {
	m := Metadata{
		Received: time.Unix(1700000000, 5).UTC(), Format: FormatEventBridge,
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	data, _ := m.AppendBinary(nil)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			data, _ = m.AppendBinary(data[:0])
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := m.UnmarshalBinary(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
