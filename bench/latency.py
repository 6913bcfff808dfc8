"""latency: one run alone, from the call of submit to the moment its model is first called."""

import time
from pathlib import Path

from bench import child, report, ruler, weather
from bench.options import Options
from folkmoot.ports.model import Answer, Request

RUNS = 500
WARM_UP = 50
BAR_MS = 5.0


async def measure(folder: Path, runs: int) -> dict[str, float]:
    """Ask `runs` times, one after the other."""
    called: list[float] = []

    def stamping(request: Request) -> Answer:
        if len(request.messages) == 1:
            called.append(time.perf_counter())
        return weather.react3(request)

    first: list[float] = []
    whole: list[float] = []
    async with weather.running(folder, weather.agent(), stamping) as desk:
        for nr in range(WARM_UP + runs):
            began = time.perf_counter()
            await weather.ask(desk)
            if nr >= WARM_UP:
                first.append((called[-1] - began) * 1000)
                whole.append((time.perf_counter() - began) * 1000)
    return {
        "runs": runs,
        "first_call_p50_ms": round(ruler.percentile(first, 50), 3),
        "first_call_p99_ms": round(ruler.percentile(first, 99), 3),
        "whole_run_p50_ms": round(ruler.percentile(whole, 50), 3),
        "whole_run_p99_ms": round(ruler.percentile(whole, 99), 3),
    }


def run(options: Options) -> report.Report:
    """Measure in a process of its own."""
    found = child.measure("bench.latency", "--runs", str(options.runs or RUNS))
    p50 = found["first_call_p50_ms"]
    return report.Report(
        name="latency",
        ours=found,
        columns=["one run alone", "p50 ms", "p99 ms"],
        rows=[
            ["submit to first model call", f"{p50:.2f}", f"{found['first_call_p99_ms']:.2f}"],
            [
                "submit to the end",
                f"{found['whole_run_p50_ms']:.2f}",
                f"{found['whole_run_p99_ms']:.2f}",
            ],
        ],
        bars=[
            report.Bar(
                f"submit to first model call, p50 under {BAR_MS:g} ms: {p50:.2f} ms", p50 < BAR_MS
            )
        ],
        note=report.disk(),
    )


def main() -> None:
    given = ruler.runs_wanted("one run alone", RUNS).parse_args()
    with ruler.scratch() as folder:
        ruler.tell(ruler.on_a_loop(measure(folder, given.runs)))


if __name__ == "__main__":
    main()
