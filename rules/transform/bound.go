package transform

import "fmt"

// MaxBody bounds a body that is made of an event, in bytes: one that splices a
// large event many times would be larger than memory.
const MaxBody = 16 << 20

// errTooLarge is why a body over MaxBody is not made.
func errTooLarge() error {
	return fmt.Errorf("the body would be longer than %d MiB: splice less of the event, or fewer times", MaxBody>>20)
}
