// Package schema has the JSON Schemas of the files that people write, for editors and checks
// elsewhere. They are made from the declarations of the options; see package generate.
package schema

import (
	"embed"
	"fmt"
	"strings"

	"signalbox/spelling"
)

//go:embed *.json
var files embed.FS

// Names are the schemas that there are: of config.yaml, of rule files, of catalog files, and of files of
// rule tests.
var Names = []string{"config", "rules", "catalog", "tests"}

// Of returns a schema in JSON (draft 7, which editors know best). The error tells of a name
// that there is not.
func Of(name string) ([]byte, error) {
	text, err := files.ReadFile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no schema %q%s; there are %s", name, spelling.Suggest(name, Names), strings.Join(Names, ", "))
	}
	return text, nil
}
