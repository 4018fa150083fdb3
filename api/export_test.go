package api

// Route is a route as tests see it.
type Route struct {
	Method, Path, Action string
	// Acts is true if it needs the right to operate, or more.
	Acts bool
	// Served is true if the API serves it itself.
	Served bool
	Right  string
}

// Routes returns all routes.
func Routes(o Options) (all []Route) {
	for _, r := range routes(o) {
		all = append(all, Route{r.method, r.path, r.action(), r.acts(), r.handle != nil, string(r.right)})
	}
	return all
}

// ActionOf returns the name of what a route does.
func ActionOf(method, path string) string { return (&route{method: method, path: path}).action() }

// PathParameter finds the names in the path of a route.
var PathParameter = pathParameter

// FilterOf reads a filter of dead letters from a query.
var FilterOf = filterOf

// MaxRequest bounds the body of a request, in bytes.
const MaxRequest = maxRequest
