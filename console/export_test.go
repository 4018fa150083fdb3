package console

// Actions are the paths of what forms do.
func Actions() (paths []string) {
	for path := range actions() {
		paths = append(paths, path)
	}
	return paths
}
