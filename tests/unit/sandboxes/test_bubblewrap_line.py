import struct
from pathlib import Path

import pytest

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command
from folkmoot.sandboxes import seccomp
from folkmoot.sandboxes.bubblewrap import BubblewrapSandbox, Probe, _safe
from folkmoot.sandboxes.launch import Order

PLACE = Path("/home/someone/project")


@pytest.fixture
def sandbox():
    return BubblewrapSandbox(Probe("/usr/bin/bwrap", ("--disable-userns",)))


def line(sandbox, **fields):
    return sandbox.line(Command(**{"argv": ("true",), "workspace": PLACE, **fields}), PLACE, [7])


def after(words, flag):
    return [words[n + 1] for n, word in enumerate(words) if word == flag]


def test_no_variable_and_no_value_of_the_environment_is_in_the_command_line(sandbox):
    words = line(sandbox, env={"API_KEY": "hunter2"})
    assert not any("API_KEY" in word or "hunter2" in word for word in words)


def test_everything_is_unshared_and_the_network_shared_only_when_granted(sandbox):
    assert "--unshare-all" in line(sandbox)
    assert "--share-net" not in line(sandbox)
    assert "--share-net" in line(sandbox, network=True)


def test_nothing_but_the_workspace_is_bound_writable(sandbox):
    assert after(line(sandbox), "--bind") == [str(PLACE)]


def test_the_secrets_of_etc_are_not_shown(sandbox):
    shown = after(line(sandbox), "--ro-bind-try")
    for path in ("/etc", "/etc/shadow", "/etc/ssl", "/etc/ssl/private", "/root", "/home", "/var"):
        assert path not in shown


def test_the_resolver_is_shown_only_with_the_network(sandbox):
    resolver = str(Path("/etc/resolv.conf").resolve())
    assert resolver not in after(line(sandbox), "--ro-bind-try")
    assert resolver in after(line(sandbox, network=True), "--ro-bind-try")


def test_the_filter_is_passed_by_descriptor(sandbox):
    assert after(line(sandbox), "--seccomp") == ["7"]


def test_a_program_whose_name_reads_as_an_assignment_is_refused(sandbox):
    with pytest.raises(SandboxFault, match="="):
        line(sandbox, argv=("A=b", "true"))


@pytest.mark.parametrize("place", ["/", "/usr", "/etc", "/nix"])
def test_a_folder_that_holds_the_system_is_no_workspace(place):
    with pytest.raises(SandboxFault, match="holds the system"):
        _safe(Path(place))


def test_a_folder_inside_the_system_s_may_be_one():
    assert _safe(Path("/usr/local/src/project")) == Path("/usr/local/src/project")


def test_where_bubblewrap_does_not_work_it_cannot_be_made():
    with pytest.raises(SandboxFault, match="not installed"):
        BubblewrapSandbox(Probe(fault="bubblewrap (bwrap) is not installed"))


@pytest.mark.parametrize("env", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}])
def test_an_environment_that_would_change_on_the_way_is_refused(env):
    with pytest.raises(SandboxFault):
        Order(argv=("true",), cwd=PLACE, env=env).encode()


def decide(program, number, argument=0, arch=0xC000003E):
    """Run a filter as the kernel does."""
    steps = list(struct.iter_unpack("<HBBI", program))
    data = struct.pack("<IIQQ", number, arch, 0, argument)
    value = at = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif code == 0x15:
            at += yes if value == operand else no
        elif code == 0x35:
            at += yes if value >= operand else no
        else:
            return operand


ALLOW, NO_SUCH_CALL, NO_SUCH_FAMILY = 0x7FFF0000, 0x00050026, 0x00050061


@pytest.mark.parametrize(
    ("number", "argument", "answer"),
    [
        (0, 0, ALLOW),  # read
        (59, 0, ALLOW),  # execve
        (41, 1, ALLOW),  # socket: unix
        (41, 2, ALLOW),
        (41, 10, ALLOW),
        (41, 16, ALLOW),
        (41, 40, NO_SUCH_FAMILY),  # socket: vsock
        (41, 17, NO_SUCH_FAMILY),  # socket: packet
        (425, 0, NO_SUCH_CALL),  # io_uring_setup
        (250, 0, NO_SUCH_CALL),  # keyctl
        (323, 0, NO_SUCH_CALL),  # userfaultfd, the last of the list
        (0x40000029, 2, NO_SUCH_CALL),  # socket by its x32 number
    ],
)
def test_the_filter_decides_call_by_call(number, argument, answer):
    assert decide(seccomp.program("x86_64"), number, argument) == answer


def test_the_filter_refuses_calls_of_another_architecture():
    assert decide(seccomp.program("x86_64"), 41, 2, arch=0x40000003) == NO_SUCH_CALL
    assert decide(seccomp.program("aarch64"), 198, 40, arch=0xC00000B7) == NO_SUCH_FAMILY
    assert decide(seccomp.program("aarch64"), 198, 2, arch=0xC00000B7) == ALLOW


def test_an_unknown_machine_has_no_filter():
    assert seccomp.program("vax") == b""
