"""startup: how long `folkmoot --help` takes, and `folkmoot up` until /health/ready answers.

`python -c pass` takes its turn with them; what counts is the time on top of it. `up` runs in an empty
folder with one agent file, on a free port of the loopback, and is stopped by SIGTERM.
"""

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench import child, report, ruler
from bench.options import Options

ROUNDS = 7
HELP_S, UP_S = 0.3, 2.0
PATIENCE_S = 60
AGENT = """\
name: weather
instructions: Answer questions about the weather.
model: {provider: scripted, name: fixed, options: {turns: [{text: It is fine.}]}}
"""


def folkmoot() -> str:
    """Return the command of this environment."""
    return str(Path(sys.executable).parent / "folkmoot")


def seconds(*command: str) -> float:
    """Run a command to its end."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=child.environment(), check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise child.Failed(f"{command} ended with {done.returncode}: {done.stderr.decode()[-800:]}")
    return took


def seconds_until_ready(folder: Path) -> float:
    """Start `folkmoot up`, ask until it is ready, stop it."""
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / "weather.yaml").write_text(AGENT)
    port = free_port()
    log = folder / "up.log"
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            [folkmoot(), "up", "--port", str(port)],
            cwd=folder,
            env=child.environment(),
            stdout=out,
            stderr=out,
        )
        try:
            while not ready(port):
                if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                    raise child.Failed(f"`folkmoot up` is not ready: {log.read_text()[-800:]}")
                time.sleep(0.005)
            return time.perf_counter() - began
        finally:
            stop(process)


def ready(port: int) -> bool:
    """Ask once."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        asking.request("GET", "/health/ready")
        return asking.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        asking.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and make it when it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(options: Options) -> report.Report:
    """Take turns; the median counts. The first round warms the disk's cache and is thrown away."""
    laps: dict[str, list[float]] = {"python -c pass": [], "--help": [], "up": []}
    for nr in range(max(options.rounds, options.runs or ROUNDS) + 1):
        with ruler.scratch() as folder:
            found = (
                seconds(sys.executable, "-c", "pass"),
                seconds(folkmoot(), "--help"),
                seconds_until_ready(folder),
            )
        if nr:
            for name, took in zip(laps, found, strict=True):
                laps[name].append(took)
    middle = {name: ruler.percentile(each, 50) for name, each in laps.items()}
    bare = middle["python -c pass"]
    help_s, up_s = middle["--help"] - bare, middle["up"] - bare
    return report.Report(
        name="startup",
        ours={
            "bare_python_s": round(bare, 4),
            "help_s": round(middle["--help"], 4),
            "up_ready_s": round(middle["up"], 4),
            "help_over_bare_s": round(help_s, 4),
            "up_ready_over_bare_s": round(up_s, 4),
        },
        columns=["command", "seconds", "over a bare python"],
        rows=[
            ["python -c pass", f"{bare:.3f}", ""],
            ["folkmoot --help", f"{middle['--help']:.3f}", f"{help_s:.3f}"],
            ["folkmoot up, ready", f"{middle['up']:.3f}", f"{up_s:.3f}"],
        ],
        bars=[
            report.Bar(
                f"--help under {HELP_S:g} s over a bare python: {help_s:.3f} s", help_s < HELP_S
            ),
            report.Bar(f"up ready under {UP_S:g} s over a bare python: {up_s:.3f} s", up_s < UP_S),
        ],
    )
