from pathlib import Path

import pytest

from folkmoot.ports.sandbox import Command
from folkmoot.sandboxes.bubblewrap import BubblewrapSandbox, probe
from folkmoot.sandboxes.process import ProcessSandbox
from folkmoot.testing.contracts.sandbox import SandboxContract

pytestmark = pytest.mark.slow


class TestProcess(SandboxContract):
    @pytest.fixture
    def sandbox(self):
        return ProcessSandbox()

    @pytest.fixture
    def recipe(self):
        return "from folkmoot.sandboxes.process import ProcessSandbox; sandbox = ProcessSandbox()"


class TestProcessWithoutNamespaces(SandboxContract):
    @pytest.fixture
    def sandbox(self):
        return ProcessSandbox(isolated=False)

    @pytest.fixture
    def recipe(self):
        return (
            "from folkmoot.sandboxes.process import ProcessSandbox; "
            "sandbox = ProcessSandbox(isolated=False)"
        )


class TestBubblewrap(SandboxContract):
    @pytest.fixture
    def sandbox(self):
        if not probe().works:
            pytest.skip(probe().fault)
        return BubblewrapSandbox()

    @pytest.fixture
    def recipe(self):
        return (
            "from folkmoot.sandboxes.bubblewrap import BubblewrapSandbox; "
            "sandbox = BubblewrapSandbox()"
        )


@pytest.mark.skipif(not probe().works, reason=probe().fault or "works")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs the system's Python")
async def test_the_kernel_takes_the_filter_and_vsock_is_closed(tmp_path):
    script = "import socket; socket.socket(socket.AF_INET); socket.socket(40)"
    done = await BubblewrapSandbox().run(
        Command(argv=("/usr/bin/python3", "-c", script), workspace=tmp_path)
    )
    assert b"Errno 97" in done.stderr
    assert b"Errno 1]" not in done.stderr
