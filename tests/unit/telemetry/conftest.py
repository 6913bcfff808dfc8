import pytest

from folkmoot.core import entries as e
from folkmoot.core.entries import Head
from folkmoot.core.run import Run


class Journal:
    """Writes entries as a worker would, and shows each to the observers."""

    def __init__(self, run, *observers):
        self.run = run
        self.head = Head()
        self.at = run.created_at
        self.observers = list(observers)

    def write(self, body, after=0):
        self.at += after
        entry = e.write(self.head, self.run.id, self.at, body)
        self.head = Head(entry.seq, entry.hash)
        for observer in self.observers:
            observer(self.run, entry, body)
        return entry


@pytest.fixture
def run():
    return Run(id="run_1", agent="reader", definition="d", created_at=1_000_000)


@pytest.fixture
def journal(run):
    return lambda *observers, run=run: Journal(run, *observers)
