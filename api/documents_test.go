package api_test

import "testing"

// TestNothingWasMadeByAPI is an empty list.
func TestNothingWasMadeByAPI(t *testing.T) {
	w := newWorldOf(t, worldRules, "")
	got, err := w.client.Rules.Documents(t.Context())
	must(t, err)
	if got.Documents == nil || len(got.Documents) > 0 {
		t.Errorf("got %+v", got)
	}
}
