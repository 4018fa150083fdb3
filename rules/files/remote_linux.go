package files

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// remoteKinds are the file systems on which other machines write without the kernel of
// this one telling of it.
var remoteKinds = map[int64]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.V9FS_MAGIC:       "9p",
	unix.FUSE_SUPER_MAGIC: "FUSE",
}

// isRemote returns an error that names the file system of a directory, if the system
// does not tell of all changes there.
func isRemote(dir string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil // it may be gone already
	}
	if name, ok := remoteKinds[int64(uint32(s.Type))]; ok {
		return fmt.Errorf("it lies on %s, where changes made elsewhere are not told", name)
	}
	return nil
}
