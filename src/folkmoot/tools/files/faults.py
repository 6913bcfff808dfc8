"""What a failed system call means to whoever asked for a file."""

import errno

from folkmoot.tools.trouble import Trouble

_KNOWN = {
    errno.ENOENT: ("NOT_FOUND", "is not there"),
    errno.ENOTDIR: ("NOT_A_FOLDER", "is not a folder"),
    errno.EISDIR: ("IS_A_FOLDER", "is a folder"),
    errno.EACCES: ("NO_PERMISSION", "may not be used: the system refuses"),
    errno.EPERM: ("NO_PERMISSION", "may not be used: the system refuses"),
    errno.EROFS: ("NO_PERMISSION", "lies on a disk that is read-only"),
    errno.ENOSPC: ("DISK_FULL", "could not be written: the disk is full; it is as it was"),
    errno.EDQUOT: ("DISK_FULL", "could not be written: the quota is used up; it is as it was"),
    errno.ENAMETOOLONG: ("BAD_PATH", "has a name that is too long"),
    errno.EFBIG: ("TOO_LARGE", "would be too large"),
    errno.ENXIO: ("NOT_A_FILE", "is not a regular file"),
}


def of(fault: OSError, path: str) -> Trouble:
    """Return what a failed system call means for a path. No path of the machine is in the text."""
    code, words = _KNOWN.get(
        fault.errno or 0, ("FILE_FAULT", f"cannot be used: {fault.strerror or 'unknown reason'}")
    )
    return Trouble(code, f"`{path}` {words}.")
