package transform

import "testing"

// Case 06: a path with [*] gives a JSON list of what is there.
func TestPathWithWildcard(t *testing.T) {
	tests := []struct{ name, path, detail, want string }{
		{"of all items", "$.detail.items[*].id", `{"items":[{"id":1},{"id":"b"},{"id":{"c":3}}]}`, `[1,"b",{"c":3}]`},
		{"items without one are left out", "$.detail.items[*].id", `{"items":[{"id":1},{},7,{"id":null}]}`, `[1,null]`},
		{"the items themselves", "$.detail.items[*]", `{"items":[1, [2], "x"]}`, `[1,[2],"x"]`},
		{"nested", "$.detail.a[*].b[*].c", `{"a":[{"b":[{"c":1},{"c":2}]},{"b":[]},{"b":[{"c":3}]}]}`, `[1,2,3]`},
		{"an index behind", "$.detail.a[*][1]", `{"a":[[1,2],[3],[4,5]]}`, `[2,5]`},
		{"an empty array", "$.detail.items[*].id", `{"items":[]}`, `[]`},
		{"no array", "$.detail.items[*].id", `{"items":{"id":1}}`, `[]`},
		{"nothing there", "$.detail.items[*].id", `{}`, `[]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Envelope: []byte(`{"id":"1","detail":` + tt.detail + `}`)}
			for spec, want := range map[*Spec]string{
				{InputPath: &tt.path}: tt.want,
				{InputTransformer: &InputTransformer{InputPathsMap: map[string]string{"ids": tt.path}, InputTemplate: `{"ids": <ids>}`}}: `{"ids": ` + tt.want + `}`,
			} {
				tr, err := Compile(*spec)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := tr.Apply(in); err != nil || string(got) != want {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
			}
		})
	}
}
