"""Stands between us and one command, so that nothing of the command outlives it.

A program of its own (`python -I -S supervisor.py FD`), started for every command. It imports
nothing but what starts in a few milliseconds, and nothing of Folkmoot.

    us → it    an order (launch.py writes it); end of file: stop, or we are gone
    it → us    `pid N`, then `done CODE` (negative: a signal), `fault TEXT` or `stuck PIDS`

Authority: it is a child subreaper. A process below it that loses its parent becomes its child, so
everything that the command ever started, double-forked and in a session of its own or not, stays
below it in the process tree, and is found there.

The end: when the command ended, or we asked, or we died, everything below gets SIGTERM, after
`GRACE_S` SIGKILL, again and again until there is no child left to wait for. Only then it says
`done`. What the kernel cannot kill (a process in an uninterruptible wait) is reported as `stuck`.

Failures: a command of the same user can kill the supervisor itself; its orphans then belong to
init and are out of reach. Only a process namespace prevents that (bubblewrap has one, and dies
with its parent, which is why `wrapped` spares it the SIGTERM: it would take all down at once).
"""

import ctypes
import os
import resource
import select
import sys
import time

GRACE_S = 0.5
STUCK_S = 10.0
TICK_MS = 20

# Numbers instead of the signal module: importing that costs more than all of this file.
TERM, KILL = 15, 9
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
AF_INET, SOCK_DGRAM, SIOCSIFFLAGS, IFF_UP = 2, 2, 0x8914, 1
SETUP_FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127

libc = ctypes.CDLL(None, use_errno=True)


class Order:
    """What to run and how. Fields stand in the order in which launch.py writes them."""

    def __init__(self, data: bytes) -> None:
        fields = data.split(b"\0")
        self.wrapped, self.isolate = fields[0] == b"1", fields[1]
        self.memory_mb, self.pids, self.cpu_s, count = (int(field) for field in fields[2:6])
        self.cwd = fields[6]
        self.argv = fields[7 : 7 + count]
        self.env = dict(pair.split(b"=", 1) for pair in fields[7 + count :] if pair)


class Tree:
    """The command and everything below us. `code` is the command's, once it ended."""

    def __init__(self, child: int, *, wrapped: bool) -> None:
        self.child = child
        self.wrapped = wrapped
        self.code: int | None = None

    def reap(self) -> bool:
        """Collect who ended. False when nobody is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.child:
                    self.code = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            return False

    def signal(self, number: int) -> None:
        """Send a signal to everybody below us."""
        for pid in below(os.getpid()):
            if not (self.wrapped and number == TERM and pid == self.child):
                kill(pid, number)

    def end(self) -> bool:
        """Take everybody down. False when somebody cannot be killed."""
        if not self.reap():
            return True
        self.signal(TERM)
        if self._gone_within(GRACE_S):
            return True
        deadline = time.monotonic() + STUCK_S
        while time.monotonic() < deadline:
            self.signal(KILL)
            if self._gone_within(TICK_MS / 1000):
                return True
        return False

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.reap():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        return True


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # gone, or not ours to kill: then it never ends and is reported as stuck


def below(root: int) -> list[int]:
    """Return the processes below `root` in the process tree."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib starts slowly
        if name.isdigit():
            children.setdefault(parent(name), []).append(int(name))
    found = list(children.get(root, ()))
    for pid in found:  # grows while we walk it
        found.extend(children.get(pid, ()))
    return found


def parent(pid: str) -> int:
    """Return a process's parent, or 0. The name in /proc/PID/stat may hold spaces and brackets."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(fd, 4096).rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return 0
    finally:
        os.close(fd)


def check(result: int, what: str) -> None:
    """Raise what a C function left in errno."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def write(path: str, text: str) -> None:
    """Write to one of the kernel's files."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def isolate(what: bytes) -> None:
    """Enter a user namespace of our own, and for `net` a network of nobody, loopback only.

    The user namespace takes from root the right to walk back into the machine's network.
    """
    if not what:
        return
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWUSER | (CLONE_NEWNET if what == b"net" else 0)), "unshare")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {uid} 1")
    write("/proc/self/gid_map", f"{gid} {gid} 1")
    if what == b"net":
        fd = libc.socket(AF_INET, SOCK_DGRAM, 0)
        request = b"lo".ljust(16, b"\0") + IFF_UP.to_bytes(2, sys.byteorder) + bytes(22)
        libc.ioctl(fd, SIOCSIFFLAGS, request)  # without loopback only local servers suffer
        os.close(fd)


def limit(order: Order) -> None:
    """Set the limits that the kernel keeps for each process.

    RLIMIT_DATA and not RLIMIT_AS: runtimes reserve far more addresses than they ever use.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if order.memory_mb:
        lower(resource.RLIMIT_DATA, order.memory_mb << 20)
    if order.cpu_s:
        lower(resource.RLIMIT_CPU, order.cpu_s, spare=1)  # SIGXCPU first, SIGKILL a second later
    if order.pids:
        lower(resource.RLIMIT_NPROC, order.pids)
    write("/proc/self/oom_score_adj", "500")  # when memory runs out: the command, not us


def lower(which: int, value: int, spare: int = 0) -> None:
    """Lower a limit; one that is lower already stays."""
    hard = resource.getrlimit(which)[1]
    most = value + spare if hard == resource.RLIM_INFINITY else min(value + spare, hard)
    resource.setrlimit(which, (min(value, most), most))


def become(order: Order, report: int) -> None:
    """Turn this (forked) process into the command. Never returns."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, KILL, 0, 0, 0)
        if not order.wrapped:  # a setuid bwrap needs its privilege, and sets this itself
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for number in range(1, 32):  # Python ignores SIGPIPE, nohup SIGHUP: not the command
            libc.signal(number, None)
        isolate(order.isolate)
        limit(order)
        os.chdir(order.cwd)
    except (OSError, ValueError) as fault:
        os.write(report, str(fault).encode())
        os._exit(SETUP_FAILED)
    try:
        os.execvpe(order.argv[0], order.argv, order.env)  # noqa: S606 - running it is the purpose
    except (FileNotFoundError, NotADirectoryError):
        os.write(2, order.argv[0] + b": not found\n")
        os._exit(NOT_FOUND)
    except OSError as fault:
        os.write(2, order.argv[0] + b": " + os.strerror(fault.errno or 0).encode() + b"\n")
        os._exit(NOT_EXECUTABLE)


def start(order: Order) -> Tree:
    """Fork the command. Raises OSError when it could not be set up."""
    inside, outside = os.pipe()
    child = os.fork()
    if child == 0:
        become(order, outside)
    os.close(outside)
    fault = os.read(inside, 4096)
    os.close(inside)
    if fault:
        os.waitpid(child, 0)
        raise OSError(fault.decode(errors="replace"))
    return Tree(child, wrapped=order.wrapped)


def watch(tree: Tree, link: int) -> None:
    """Wait until the command ended, or somebody wants it to, or we are alone."""
    poll = select.poll()
    poll.register(link, select.POLLIN)
    try:
        poll.register(os.pidfd_open(tree.child), select.POLLIN)
        tick = 200
    except OSError:
        tick = TICK_MS  # a kernel without pidfds
    while tree.reap() and tree.code is None:
        if any(fd == link for fd, _ in poll.poll(tick)):
            return


def receive(link: int) -> bytes:
    """Read the order: ten digits of length, then the bytes."""
    size = int(exactly(link, 10))
    return exactly(link, size)


def exactly(fd: int, size: int) -> bytes:
    """Read so many bytes. Raises OSError at the end of the file."""
    parts = []
    while size:
        part = os.read(fd, size)
        if not part:
            raise OSError("the order ended early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def tell(link: int, text: str) -> None:
    """Say something to whoever started us, if anybody is there."""
    try:
        os.write(link, text.encode() + b"\n")
    except OSError:
        return  # they are gone, and so is the reason to speak


def release() -> None:
    """Let go of the command's streams, so that their ends are seen when the command's end."""
    nowhere = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(nowhere, fd)


def main(link: int) -> None:
    """Serve one order."""
    os.set_inheritable(link, False)  # noqa: FBT003 - the os module's own order
    try:
        order = Order(receive(link))
        check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
        tree = start(order)
    except (OSError, ValueError) as fault:
        tell(link, f"fault {fault}")
        return
    release()
    tell(link, f"pid {tree.child}")
    watch(tree, link)
    if tree.end():
        tell(link, f"done {tree.code}")
    else:
        tell(link, f"stuck {' '.join(str(pid) for pid in below(os.getpid()))}")


def probe() -> None:
    """Exit with 0 when this machine lets us cut a plain process off from the network."""
    try:
        isolate(b"net")
    except OSError as fault:
        os.write(2, f"{fault}\n".encode())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        probe()
    main(int(sys.argv[1]))
