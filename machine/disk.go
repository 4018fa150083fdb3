//go:build unix

package machine

import "golang.org/x/sys/unix"

// FreeDisk returns how many bytes may still be written to the disk that a directory is on.
func FreeDisk(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
