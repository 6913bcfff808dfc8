"""What every sandbox owes (ports/sandbox.py).

Subclass `SandboxContract` and give the fixtures `sandbox` and `recipe` (a line of Python that makes
the same sandbox under the name `sandbox`, for a process of its own). Starts real processes. What a
sandbox does not declare among its capabilities is skipped, and the skip says so.

A command says that it is up by writing into a FIFO of its workspace, so nothing here sleeps.
"""

from folkmoot.testing.contracts.sandbox.ends import SandboxEnds
from folkmoot.testing.contracts.sandbox.runs import SandboxRuns
from folkmoot.testing.contracts.sandbox.walls import SandboxWalls


class SandboxContract(SandboxRuns, SandboxEnds, SandboxWalls):
    """All of it."""
