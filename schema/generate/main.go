// Generate writes the JSON Schemas of package schema, and docs/reference.md, of the declarations
// of the options: the structs that documents are decoded into, with their comments and tags.
//
// A field has its keys in the tag yaml, and in others what only people and editors read: holds
// (what a node is decoded into later), enum (the words that there are, with | between), min, max
// and above (bounds), example and with (YAML, and what has to stand beside it), default (where it
// does not follow from the code), word (one that stands for a mapping), required, instead (what may stand in its place), and since. A
// test holds all of it against the loader.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "the module's folder")
	flag.Parse()
	for name, text := range generated(*root) {
		if err := os.WriteFile(filepath.Join(*root, name), text, 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Println(name)
	}
}

// generated returns the files by their paths, which start in the module's folder.
func generated(root string) map[string][]byte {
	r := read(root)
	return map[string][]byte{
		"schema/config.json":  jsonSchema("config.yaml", "Signalbox's configuration.", r.config),
		"schema/rules.json":   jsonSchema("Rule file", "Rules of Signalbox, and what they refer to.", r.rules),
		"schema/catalog.json": jsonSchema("Catalog file", "Types of messages that Signalbox knows.", r.catalog),
		"schema/tests.json":   jsonSchema("Rule test file", "Tests of Signalbox's rules.", r.tests),
		"docs/reference.md":   page(r),
	}
}
