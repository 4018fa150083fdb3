package console

import (
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"path"
)

//go:embed templates assets
var files embed.FS

// assets are the embedded files by name. Their path has a hash of all of them, so that browsers
// may keep them for good.
var assets, assetVersion = readAssets()

func readAssets() (map[string][]byte, string) {
	all, sum := map[string][]byte{}, fnv.New64a()
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, e := range entries {
		text, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		all[e.Name()] = text
		sum.Write(text)
	}
	return all, fmt.Sprintf("%016x", sum.Sum64())
}

func asset(name string) string { return Path + "assets/" + assetVersion + "/" + name }

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	text, ok := assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(r.PathValue("name"))])
	if r.PathValue("version") == assetVersion {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(text)
}
