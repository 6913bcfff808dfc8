"""A seccomp filter for what namespaces do not cover, as the bytes that the kernel reads.

Everything is allowed but: sockets of families other than unix, IPv4, IPv6 and netlink (AF_VSOCK
reaches the host of a virtual machine past any network namespace); io_uring (it opens sockets
without the socket call); the kernel's keyrings (shared by all processes of a user); bpf, perf and
userfaultfd; and calls of another architecture, whose numbers mean something else. Refused calls
fail with ENOSYS, a family with EAFNOSUPPORT; programs know both from old kernels.
"""

import os
import platform
import struct
from collections.abc import Sequence

import msgspec


class _Machine(msgspec.Struct, frozen=True):
    """A processor's audit number, its `socket` call, the calls that are refused."""

    arch: int
    socket: int
    refused: tuple[int, ...]


# refused: io_uring_setup, add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd
_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, (425, 248, 249, 250, 321, 298, 323)),
    "aarch64": _Machine(0xC00000B7, 198, (425, 217, 218, 219, 280, 241, 282)),
}
_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink
_X32 = 0x40000000  # x86-64 calls with 32-bit pointers carry this bit
_NR, _ARCH, _ARG0 = 0, 4, 16  # offsets in struct seccomp_data
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_ENOSYS, _EAFNOSUPPORT = 38, 97


def program(machine: str = "") -> bytes:
    """Return the filter for a machine (ours by default); empty where we have none."""
    known = _MACHINES.get(machine or platform.machine())
    return b"" if known is None else _assemble(known)


def memory_file(data: bytes) -> int:
    """Return a file descriptor from which `data` is read; the caller closes it."""
    fd = os.memfd_create("seccomp")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _assemble(machine: _Machine) -> bytes:
    refused = _matches(machine.refused)
    families = _matches(_FAMILIES)
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, machine.arch),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        (_LOAD, 0, 0, _NR),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        *refused,
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        (_EQUAL, 1, 0, machine.socket),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _ARG0),
        *families,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT),
    ]
    # What matches in `refused` falls to the refusal, the rest jumps over it; in `families` what
    # matches falls to the permission, the rest to the refusal behind it.
    return b"".join(struct.pack("<HBBI", *step) for step in code)


def _matches(numbers: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Compare with each number: a match goes to the next step after all, no match one past it."""
    last = len(numbers) - 1
    return [
        (_EQUAL, last - place, 1 if place == last else 0, number)
        for place, number in enumerate(numbers)
    ]
