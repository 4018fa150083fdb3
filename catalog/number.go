package catalog

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxExponent is the greatest exponent of a number that is held against a schema.
// Beyond it, exact arithmetic would cost a sender's few bytes much of our time.
const maxExponent = 400

// vast finds a number in a decoded value whose exponent is beyond maxExponent, and
// gives the path to it.
func vast(path string, v any) (at string, found bool) {
	switch v := v.(type) {
	case json.Number:
		return path, isVast(string(v))
	case map[string]any:
		for key, inside := range v {
			if at, found := vast(path+"."+key, inside); found {
				return at, true
			}
		}
	case []any:
		for i, inside := range v {
			if at, found := vast(path+"["+strconv.Itoa(i)+"]", inside); found {
				return at, true
			}
		}
	}
	return "", false
}

func isVast(number string) bool {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return false
	}
	exponent, err := strconv.Atoi(number[i+1:])
	return err != nil || exponent > maxExponent || exponent < -maxExponent
}
