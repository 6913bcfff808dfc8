"""A service that tells a process what to be: real HTTP, real signals, real processes."""

import json
import signal
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

PATIENCE_S = 20
AGENT = "model: keywords:a"


class Service:
    """Answers with what the test set."""

    def __init__(self):
        self.status, self.body, self.asked = 200, b"{}", 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.asked += 1
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.body)))
                self.end_headers()
                self.wfile.write(service.body)

            def log_message(self, *_):
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://me:key@127.0.0.1:{self.server.server_port}/assign?token=key"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def says(self, **fields):
        self.status, self.body = 200, json.dumps(fields).encode()


@pytest.fixture
def service(moot):
    made = Service()
    moot.env["FOLKMOOT_ASSIGN_URL"] = made.url
    yield made
    made.server.shutdown()
    made.server.server_close()


def health(url):
    with urllib.request.urlopen(f"{url}/health") as answer:
        found = json.load(answer)
    return found["capacity"], {part["name"]: part for part in found["parts"]}


def hang_up(system):
    system.send_signal(signal.SIGHUP)
    return json.loads(system.stdout.readline())


def test_an_assignment_is_applied_shown_changed_and_kept_through_an_outage(moot, service):
    moot.agent("one", AGENT)
    (moot.folder / "agents").rename(moot.folder / "assigned")
    (moot.folder / "more").mkdir()
    moot.env["FOLKMOOT_CONCURRENCY"] = "9"
    service.says(role="developer", max_tasks=3, agents=["assigned"], join_stagger_ms=1, newer=True)
    system, ready = moot.up()
    assert ready["agents"] == ["one"]
    capacity, parts = health(ready["url"])
    assert capacity == 3
    assert parts["assignment"]["ok"]
    assert "role developer" in parts["assignment"]["detail"]
    assert "not understood: newer" in parts["assignment"]["detail"]

    (moot.folder / "more" / "two.yaml").write_text(f"name: two\ninstructions: Do it.\n{AGENT}")
    service.says(role="reviewer", max_tasks=7, agents="assigned,more")
    told = hang_up(system)
    assert (told["event"], told["agents"]) == ("reloaded", ["one", "two"])
    assert health(ready["url"])[0] == 7

    service.status = 500
    service.body = b"key"
    told = hang_up(system)
    assert (told["event"], told["error"]) == ("reload_failed", "SOURCE_FAULT")
    assert "answers 500" in told["message"]
    assert "key" not in told["message"]
    service.says(max_tasks="many")
    assert hang_up(system)["error"] == "INVALID_ASSIGNMENT"
    service.says(agents=["s3://"])
    assert hang_up(system)["error"] == "INVALID_SETTINGS"
    capacity, parts = health(ready["url"])
    assert capacity == 7
    assert not parts["assignment"]["ok"]
    assert "role reviewer" not in parts["store"]["detail"]

    service.says()
    assert hang_up(system)["event"] == "reloaded"
    assert health(ready["url"])[0] == 9, "what is assigned no more is as it was set"


@pytest.mark.parametrize(
    ("status", "code", "error"), [(404, 6, "SOURCE_FAULT"), (200, 2, "INVALID_ASSIGNMENT")]
)
def test_without_a_usable_assignment_nothing_is_started(moot, service, status, code, error):
    service.status, service.body = status, b"no json"
    done = moot("up", "--port", "0", "--json")
    assert done.returncode == code
    assert error in done.stderr
    assert "key" not in done.stderr
    assert done.stdout == ""
    assert service.asked == 1, "nothing that may help was there to be tried again"


def test_the_doctor_asks_the_service_too(moot, service):
    service.says(role="reviewer")
    [part] = [one for one in moot.json("doctor")["parts"] if one["name"] == "assignment"]
    assert (part["ok"], part["detail"]) == (True, "role reviewer")
    service.status = 403
    done = moot("doctor", "--json")
    [part] = [one for one in json.loads(done.stdout)["parts"] if one["name"] == "assignment"]
    assert (done.returncode, part["ok"]) == (1, False)
    assert "answers 403" in part["detail"]


def test_a_signal_ends_the_wait_to_join(moot, service):
    service.says(join_stagger_ms=60_000)
    system = moot.start("up", "--port", "0", "--json", start_new_session=True)
    while not service.asked:
        assert system.poll() is None
    system.send_signal(signal.SIGTERM)
    out, err = system.communicate(timeout=PATIENCE_S)
    assert (system.returncode, json.loads(out)["event"]) == (0, "stopped"), err


def test_a_settings_file_is_read_again(moot):
    (moot.folder / "moot.yaml").write_text("concurrency: 4\n")
    moot.env["FOLKMOOT_CONFIG"] = "moot.yaml"
    system, ready = moot.up()
    assert health(ready["url"])[0] == 4
    (moot.folder / "moot.yaml").write_text("concurrency: 5\nlease_s: 33\n")
    assert hang_up(system)["later"] == ["lease_s"]
    assert health(ready["url"])[0] == 5
    (moot.folder / "moot.yaml").write_text("concurency: 6\n")
    assert hang_up(system)["error"] == "INVALID_SETTINGS"
    assert health(ready["url"])[0] == 5


def test_another_service_may_be_named_while_it_runs(moot, service):
    del moot.env["FOLKMOOT_ASSIGN_URL"]
    moot.env["FOLKMOOT_CONFIG"] = "moot.yaml"
    (moot.folder / "moot.yaml").write_text("concurrency: 4\n")
    service.says(max_tasks=3)
    system, ready = moot.up()
    (moot.folder / "moot.yaml").write_text(f"assign_url: {service.url}\n")
    assert hang_up(system)["later"] == []
    assert health(ready["url"])[0] == 3
    (moot.folder / "moot.yaml").write_text("concurrency: 4\n")
    assert hang_up(system)["later"] == []
    assert health(ready["url"])[0] == 4


def test_what_a_command_is_given_wins_over_the_assignment(moot, service):
    service.says(max_tasks=3)
    _, ready = moot.up("--concurrency", "2")
    assert health(ready["url"])[0] == 2
