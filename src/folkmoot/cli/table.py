"""All commands: where each one lives, and what `folkmoot --help` says of it."""

from typing import NamedTuple


class Line(NamedTuple):
    """One command: its module in commands/, and its one-line help."""

    module: str
    help: str


SECTIONS: dict[str, dict[str, Line]] = {
    "Start": {
        "init": Line("init", "Write a first agent file, and say what to do next."),
        "run": Line("run", "Run an agent here and now, and show every step."),
        "up": Line("up", "Run the system: worker, coordinator and HTTP API."),
        "worker": Line("worker", "Run a worker alone: it drives runs."),
        "coordinator": Line("coordinator", "Run a coordinator alone: one of them leads."),
        "api": Line("api", "Run the HTTP API alone."),
        "doctor": Line("doctor", "Check this machine, this folder and the deployment around them."),
        "db": Line("db", "Upgrade the schema of the store."),
    },
    "Look": {
        "runs": Line("runs", "List runs, newest first."),
        "show": Line("show", "Show a run: where it stands, its journal, its spend."),
        "tail": Line("tail", "Follow a run as it goes on."),
        "questions": Line("votes", "List the approvals that are waited for."),
        "agents": Line("agents", "List agents, check agent files, print their schema."),
        "dead": Line("dead", "Look after events that could not be dealt with."),
        "schedules": Line("schedules", "List schedules; add, change, pause, trigger one."),
        "ledger": Line("ledger", "Verify that the journals are whole and unchanged."),
    },
    "Steer": {
        "submit": Line("submit", "Hand a task to the system; print its run."),
        "emit": Line("emit", "Publish an event; print its id."),
        "talk": Line("talk", "Hold a conversation with a continuous agent, here and now."),
        "say": Line("tell", "Add a message to a run."),
        "pause": Line("tell", "Make a run wait at its next step."),
        "resume": Line("tell", "Let a paused run go on."),
        "cancel": Line("tell", "End a run."),
        "retry": Line("tell", "Try a run again that did not succeed, with fresh context."),
        "approve": Line("votes", "Say yes to a call that waits for a person."),
        "deny": Line("votes", "Say no to a call that waits for a person."),
    },
    "Prove": {
        "chaos": Line("chaos", "Kill an agent's worker at every journal boundary, and compare."),
        "upgrade": Line("upgrade", "Tell which open runs a new definition would change."),
    },
}

COMMANDS: dict[str, Line] = {
    name: line for section in SECTIONS.values() for name, line in section.items()
}
