//go:build race

package bench

// raceDetector means that this build is slow and big because of it.
const raceDetector = true
