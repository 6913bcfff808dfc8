"""The agents of a fleet: one that works, two that must wait for a person, one that waits in vain."""

from pathlib import Path

WORKS = "fleet"
WAITS = "fleet-waits"
LAPSES = "fleet-lapses"
PATIENT = "fleet-patient"

_FILE = """\
name: {name}
instructions: Look, note, keep, post.
model: {{provider: scripted, name: fleet, price: {{input: 1, output: 2}}}}
tools: [look, note, keep, post]
budget: {{usd_per_day: 1000, usd_per_month: 30000}}
"""
_MORE = {
    WORKS: "",
    WAITS: 'approvals: [{match: "tool:post"}]\n',
    LAPSES: 'approvals: [{match: "tool:post", expires: 2s}]\n',
    PATIENT: 'approvals: [{match: "tool:post", expires: 30m}]\n',
}


def write(folder: Path) -> None:
    """Write the agent files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, more in _MORE.items():
        (folder / f"{name}.yaml").write_text(_FILE.format(name=name) + more)
