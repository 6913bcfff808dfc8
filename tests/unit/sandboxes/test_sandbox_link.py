"""The link to a supervisor ends with it, however it died, on every event loop."""

import asyncio
import socket
import subprocess
import sys

import pytest

from folkmoot.sandboxes.link import Link

uvloop = pytest.importorskip("uvloop")
# Ends as soon as somebody speaks; what was said to it stays unread.
ENDS = "import os, select; select.select([{fd}], [], []); os.write({fd}, b'done 0\\n')"


async def ended(process, ours):
    """Return what a supervisor had said; it is gone before anybody listens."""
    link = Link(ours, b"", process.pid)
    process.wait()
    await asyncio.wait_for(link.ended, 20)
    link.close()
    return link.said


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_supervisor_that_left_words_unread_is_heard_to_end(loop_factory):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the socket module's own order
    with theirs:
        call = [sys.executable, "-c", ENDS.format(fd=theirs.fileno())]
        process = subprocess.Popen(call, pass_fds=[theirs.fileno()])
    ours.send(b"never read")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(ended(process, ours)) == {"done": "0"}
