"""A run, shown as it happens: the model's words as they come, then what each entry adds."""

from msgspec import structs

from folkmoot.cli import lines, shapes
from folkmoot.cli.exits import Exit, of_state
from folkmoot.cli.output import Output
from folkmoot.cli.text import spent
from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run
from folkmoot.ports.desk import Answer, Delta


class Live:
    """Shows what `desk.follow` yields.

    Deltas are hints and may be lost, the entry is the truth: when a reply's entry comes, what the
    deltas left out is printed, and a reply that they got wrong is printed again, whole.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._said = ""
        self._story = lines.Story()

    def hear(self, item: Entry | Delta) -> None:
        """Show one piece."""
        if isinstance(item, Delta):
            self._delta(item)
        elif self._out.json:
            self._out.document({"type": "entry"} | shapes.entry(item))
        elif not self._out.quiet:
            self._entry(item.read())

    def _delta(self, item: Delta) -> None:
        self._out.document({"type": "delta", "run": item.run, "text": item.text})
        if not self._out.quiet:
            self._out.say(("" if self._said else "<  ") + item.text, end="")
            self._said += item.text

    def _entry(self, body: Body) -> None:
        line = self._story.line(body)
        if isinstance(body, e.ModelReplied) and body.purpose == "reply":
            self._replied(body)
            return
        self._break()
        self._out.say(f"{line.mark:<2} {line.text}", line.style)

    def _replied(self, body: e.ModelReplied) -> None:
        if self._said and body.text.startswith(self._said):
            self._out.say(body.text[len(self._said) :], end="")
            self._break()
        else:
            self._break()
            if body.text.strip():
                self._out.say(f"<  {body.text}")
        for call in body.calls:
            self._out.say(f"-> {lines.call(call)}", "bold")
        self._out.say(f"   {lines.cost(body)}", "dim")

    def _break(self) -> None:
        """End the line that deltas left open."""
        if self._said:
            self._out.say()
            self._said = ""


def answer(out: Output, given: Answer, *, seen: bool = False) -> Exit:
    """Show what became of a message, and return what the command's exit code says of it.

    `seen`: its entries were shown before.
    """
    out.document({"type": "answer"} | structs.asdict(given))
    if given.error and not seen:
        out.warn(given.error)
    elif not seen:
        out.say(given.output)
    return Exit.FAILED if given.error else Exit.OK


def ending(out: Output, run: Run) -> Exit:
    """Show how a run ended, and return what the command's exit code says of it."""
    out.document({"type": "run"} | shapes.run(run))
    if out.quiet:
        out.say(run.output)
        return of_state(run.state)
    out.say()
    if run.output:
        out.say(f"result: {run.output}")
    if run.error:
        out.say(f"error:  {run.error}", "red")
    out.say(f"run:    {run.id} {run.state}")
    out.say(f"spend:  {spent(run.spend)}")
    return of_state(run.state)
