"""storage: a conversation of 400 turns with 1.2 MB of content; how many bytes the store takes for it.

A turn is a reply of the model (1.5 kB of text, and a tool call) and the tool's result (1.5 kB). The
text is random hexadecimal digits: no two are alike, so keeping equal bodies once saves nothing.
"""

import random
from pathlib import Path
from typing import Any

from bench import child, report, ruler, weather
from bench.options import Options
from folkmoot.core.agent import Context, Limits
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Usage
from folkmoot.ports.model import Answer, Request
from folkmoot.tools.functions import FunctionTool, tool

TURNS = 400
PART = 1_500
BAR = 3.0


class Talk:
    """The model's script, and the tool's results; counts the characters that it hands out."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.said = 0
        self.content = 0
        self._random = random.Random(400)

    def text(self) -> str:
        """Return text that nothing compresses or repeats."""
        self.content += PART
        return self._random.randbytes(PART // 2).hex()

    def __call__(self, _: Request) -> Answer:
        self.said += 1
        usage = Usage(input=100, output=20)
        if self.said > self.turns:
            return Answer(text=ruler.ANSWER, usage=usage, model="react3")
        call = ToolCall(f"call_{self.said}", "weather", {"place": ruler.PLACE})
        return Answer(text=self.text(), calls=(call,), usage=usage, finish="tools", model="react3")


def wordy(talk: Talk) -> FunctionTool[..., Any]:
    """Return the tool, with long answers."""

    @tool(name="weather", effect="pure", needs=("weather:read:{place}",), ordinary=True)
    async def look(place: str) -> str:  # noqa: ARG001 - the model gives it
        """Tell the weather of a place, at length."""
        return talk.text()

    return look


async def measure(folder: Path, turns: int) -> dict[str, float]:
    """Hold the conversation; return the sizes."""
    talk = Talk(turns)
    agent = weather.agent(
        limits=Limits(iterations=turns + 10), context=Context(max_tokens=100_000_000)
    )
    async with weather.running(folder, agent, talk, look=wordy(talk)) as desk:
        await weather.ask(desk)
        opened = size(folder)
    closed = size(folder)
    return {
        "turns": turns,
        "content_bytes": talk.content,
        "store_bytes": closed,
        "store_bytes_while_open": opened,
        "ratio": round(closed / talk.content, 3),
    }


def size(folder: Path) -> int:
    """Return the bytes of the database, its log included."""
    return sum(file.stat().st_size for file in folder.glob("folkmoot.db*"))


def run(options: Options) -> report.Report:
    """Measure in a process of its own."""
    found = child.measure("bench.storage", "--runs", str(options.runs or TURNS))
    return report.Report(
        name="storage",
        ours=found,
        columns=["what", "found"],
        rows=[
            ["turns", f"{found['turns']:,}"],
            ["content, bytes", f"{found['content_bytes']:,}"],
            ["store at rest, bytes", f"{found['store_bytes']:,}"],
            ["store while open (with its log), bytes", f"{found['store_bytes_while_open']:,}"],
            ["store at rest / content", f"{found['ratio']:.2f}"],
        ],
        bars=[
            report.Bar(
                f"the store takes less than {BAR:g} times the content: {found['ratio']:.2f} times",
                found["ratio"] < BAR,
            )
        ],
    )


def main() -> None:
    given = ruler.runs_wanted("a long conversation; --runs are its turns", TURNS).parse_args()
    with ruler.scratch() as folder:
        ruler.tell(ruler.on_a_loop(measure(folder, given.runs)))


if __name__ == "__main__":
    main()
