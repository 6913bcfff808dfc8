"""A bucket as a source, over the real wire of S3 (a server of moto in this process)."""

import threading
from collections import Counter
from pathlib import Path

import httpx
import obstore
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from obstore.store import S3Store
from werkzeug.serving import make_server

from folkmoot.agents.bucket import Bucket, Place
from folkmoot.agents.catalog import Agents
from folkmoot.agents.load import Ground
from folkmoot.agents.parcel import Parcels
from folkmoot.agents.source import Want
from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.errors import SettingsInvalid
from folkmoot.core.task import Task
from folkmoot.testing.clock import FakeClock


class S3:
    """The server: what was asked of it, and whether it answers."""

    def __init__(self):
        app = DomainDispatcherApplication(create_backend_app)

        def counted(environ, start):
            self.asked[environ["REQUEST_METHOD"], environ["PATH_INFO"]] += 1
            if self.down:
                start("503 Service Unavailable", [("Content-Length", "0")])
                return [b""]
            return app(environ, start)

        self.asked, self.down = Counter(), False
        self.server = make_server("127.0.0.1", 0, counted, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def clean(self):
        self.asked.clear()
        self.down = False
        httpx.post(f"{self.url}/moto-api/reset").raise_for_status()
        httpx.put(f"{self.url}/fleet").raise_for_status()
        self.store = S3Store(
            "fleet", endpoint=self.url, region="auto", client_options={"allow_http": True}
        )

    def put(self, name, text):
        obstore.put(self.store, name, text.encode())

    def delete(self, name):
        obstore.delete(self.store, name)

    def gets(self, name):
        return self.asked["GET", f"/fleet/{name}"]

    @property
    def lists(self):
        return self.asked["GET", "/fleet"]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def server():
    made = S3()
    yield made
    made.close()


@pytest.fixture
def s3(server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "two")
    monkeypatch.delenv("AWS_REGION", raising=False)
    server.clean()
    return server


class Bench:
    """A catalog over one bucket."""

    def __init__(self, s3, folder: Path, clock=None):
        self.s3, self.folder, self.clock = s3, folder, clock or FakeClock()
        self.catalog = self.again()

    def again(self):
        """Return the catalog of another process on this machine."""
        place = Place(bucket="fleet", prefix="agents", endpoint=self.s3.url)
        ground = Ground(workspaces=self.folder / "spaces")
        parcels = Parcels(self.folder / "cache")
        source = Bucket(place, ground, parcels, ttl_s=300, clock=self.clock)
        return Agents([source])


@pytest.fixture
def bench(s3, tmp_path):
    return Bench(s3, tmp_path)


def agent_text(name, more=""):
    return f"name: {name}\ninstructions: Work.\nmodel: keywords:a\n{more}"


async def test_agents_are_read_in_both_shapes_with_what_they_point_to(s3, bench):
    s3.put("agents/a.yaml", "name: alpha\nmodel: keywords:a\ninstructions: {file: deep/p.md}\n")
    s3.put("agents/deep/p.md", "Work hard.")
    s3.put("agents/beta/config.yaml", "name: beta\nmodel: keywords:a\n")
    s3.put("agents/beta/system-prompt.md", "Work well.")
    s3.put("agents/notes.txt", "No agent.")
    s3.put("agents/other/thing.yaml", "No agent either.")
    s3.put("elsewhere.yaml", agent_text("gamma"))
    assert (await bench.catalog.refresh()).came == ("alpha", "beta")
    assert bench.catalog.get("alpha").instructions == "Work hard."
    assert bench.catalog.get("beta").instructions == "Work well."
    assert bench.catalog.get("beta").workspace == str(bench.folder / "spaces" / "beta")
    assert (s3.gets("agents/notes.txt"), s3.gets("agents/other/thing.yaml")) == (0, 0)
    assert s3.gets("agents/a.yaml") == 1


@pytest.mark.parametrize("name", ["../secret.md", "/etc/hostname", "deep/../../secret.md"])
async def test_nothing_outside_the_prefix_is_read(s3, bench, name):
    s3.put("secret.md", "Secret.")
    s3.put("agents/a.yaml", f"name: a\nmodel: keywords:a\ninstructions: {{file: {name}}}\n")
    [mistake] = (await bench.catalog.refresh()).fresh
    assert "outside" in mistake.problem
    assert mistake.file == "s3://fleet/agents/a.yaml"
    assert s3.gets("secret.md") == 0


@pytest.mark.parametrize("path", ["/etc", "../other"])
async def test_a_strangers_workspace_lies_among_ours(s3, bench, path):
    s3.put("agents/a.yaml", agent_text("a", f"workspace: {path}\n"))
    s3.put("agents/b.yaml", agent_text("b", "workspace: shared\n"))
    [mistake] = (await bench.catalog.refresh()).fresh
    assert (mistake.field, mistake.problem) == ("workspace", "this lies outside the workspaces")
    assert bench.catalog.get("b").workspace == str(bench.folder / "spaces" / "shared")


async def test_each_agent_is_looked_at_when_its_time_has_come(s3, bench):
    s3.put("agents/a.yaml", agent_text("a"))
    s3.put("agents/b.yaml", agent_text("b", "cache: 10s\n"))
    await bench.catalog.refresh()
    [source] = bench.catalog.sources
    assert source.due_in() == 10
    for name in "ab":
        s3.put(f"agents/{name}.yaml", agent_text(name, "cache: 10s\ndescription: New.\n"))
    before = s3.lists
    await bench.catalog.refresh()
    assert s3.lists == before, "nothing is due, nobody is asked"
    bench.clock.advance(10)
    assert (await bench.catalog.refresh()).changed == ("b",)
    bench.clock.advance(290)
    assert (await bench.catalog.refresh()).changed == ("a",)


async def test_what_has_the_same_etag_is_not_fetched_again(s3, bench):
    s3.put("agents/a.yaml", agent_text("a"))
    s3.put("agents/b.yaml", agent_text("b"))
    await bench.catalog.refresh()
    before = bench.catalog.get("a")
    s3.put("agents/b.yaml", agent_text("b", "description: New.\n"))
    bench.clock.advance(300)
    assert (await bench.catalog.refresh()).changed == ("b",)
    assert (s3.gets("agents/a.yaml"), s3.gets("agents/b.yaml")) == (1, 2)
    assert bench.catalog.get("a") is before


async def test_the_webhook_looks_whatever_is_due_at_one_agent_or_at_all(s3, bench):
    for name in "ab":
        s3.put(f"agents/{name}.yaml", agent_text(name))
    await bench.catalog.refresh()
    for name in "abc":
        s3.put(f"agents/{name}.yaml", agent_text(name, "description: New.\n"))
    news = await bench.catalog.refresh(Want(agent="b"))
    assert (news.changed, news.came) == (("b",), ("c",))
    assert (await bench.catalog.refresh(Want(now=True))).changed == ("a",)


async def test_a_broken_file_keeps_its_agent_and_a_deleted_one_takes_it_along(s3, bench):
    s3.put("agents/a.yaml", agent_text("a"))
    s3.put("agents/b.yaml", agent_text("b"))
    await bench.catalog.refresh()
    s3.put("agents/a.yaml", "name: a\noops: 1\n")
    s3.delete("agents/b.yaml")
    news = await bench.catalog.refresh(Want(now=True))
    assert (news.gone, bench.catalog.kept, bench.catalog.names()) == (("b",), {"a"}, ["a"])


async def test_an_outage_keeps_the_agents_and_is_tried_again_with_pauses(s3, bench):
    s3.put("agents/a.yaml", agent_text("a"))
    await bench.catalog.refresh()
    s3.down = True
    bench.clock.advance(300)
    [fault] = (await bench.catalog.refresh()).failed
    assert "s3://fleet/agents cannot be read" in fault.message
    assert bench.catalog.names() == ["a"]
    [source] = bench.catalog.sources
    assert source.due_in() == 5
    bench.clock.advance(5)
    await bench.catalog.refresh()
    assert source.due_in() == 10
    s3.down = False
    s3.put("agents/a.yaml", agent_text("a", "description: New.\n"))
    bench.clock.advance(10)
    news = await bench.catalog.refresh()
    assert (news.back, news.changed) == (("s3://fleet/agents",), ("a",))


async def test_a_half_read_change_changes_nothing(s3, bench):
    s3.put("agents/a.yaml", "name: a\nmodel: keywords:a\ninstructions: {file: p.md}\n")
    s3.put("agents/p.md", "Before.")
    await bench.catalog.refresh()
    s3.put("agents/a.yaml", "name: a\nmodel: keywords:a\ninstructions: {file: q.md}\n")
    s3.put("agents/q.md", "After.")
    real = Bucket._get

    async def fails(self, name):
        if name == "q.md":
            raise OSError("cut")
        await real(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bucket, "_get", fails)
        await bench.catalog.refresh(Want(now=True))
    assert (bench.catalog.get("a").instructions, bench.catalog.mistakes) == ("Before.", ())
    bench.clock.advance(60)
    await bench.catalog.refresh()
    assert bench.catalog.get("a").instructions == "After."


async def test_another_process_starts_from_what_was_kept(s3, bench):
    s3.put("agents/a.yaml", "name: a\nmodel: keywords:a\ninstructions: {file: p.md}\n")
    s3.put("agents/p.md", "Work.")
    await bench.catalog.refresh()
    lists = s3.lists
    other = bench.again()
    assert other.get("a") == bench.catalog.get("a")
    await other.refresh()
    assert s3.lists == lists, "what is not due is not asked for"
    s3.down = True
    bench.clock.advance(300)
    late = bench.again()
    await late.refresh()
    assert (late.names(), len(late.faults)) == (["a"], 1)


async def test_a_kept_file_that_is_damaged_is_only_a_slower_start(s3, bench):
    s3.put("agents/a.yaml", agent_text("a"))
    await bench.catalog.refresh()
    [kept] = (bench.folder / "cache").iterdir()
    kept.write_bytes(b"\x00damaged")
    other = bench.again()
    assert other.names() == []
    await other.refresh()
    assert other.names() == ["a"]


async def test_a_bucket_that_is_not_there_is_a_fault_and_no_empty_fleet(s3, bench, tmp_path):
    place = Place(bucket="nowhere", endpoint=s3.url)
    ground = Ground(workspaces=tmp_path)
    catalog = Agents([Bucket(place, ground, Parcels(tmp_path), ttl_s=300, clock=bench.clock)])
    await catalog.refresh()
    assert "NoSuchBucket" in catalog.faults[0].message


async def test_an_object_that_is_no_agent_file_for_its_size_is_not_fetched(s3, bench):
    s3.put("agents/a.yaml", "#" * 1_100_000)
    [mistake] = (await bench.catalog.refresh()).fresh
    assert "larger than" in mistake.problem
    assert s3.gets("agents/a.yaml") == 0


@pytest.fixture
def settings(s3, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load(
        store="memory://",
        agents="s3://fleet/agents",
        agents_endpoint=s3.url,
        port=0,
        log_level="error",
    )


async def test_a_system_runs_agents_of_a_bucket_and_hears_the_webhook(s3, settings):
    s3.put("agents/a.yaml", agent_text("a"))
    system = App(settings, env={})
    async with system.running({"worker", "coordinator", "api"}) as desk:
        run = (await desk.submit(Task(agent="a", input="Hello!"))).run
        assert (await desk.finished(run.id)).state == "succeeded"
        s3.put("agents/b.yaml", agent_text("b"))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{system.http_port}") as client:
            answer = await client.post("/api/v1/cache/invalidate?agent=b", json={})
            assert (answer.status_code, answer.json()["came"]) == (200, ["b"])
            s3.down = True
            answer = await client.post("/v1/agents/reload", json={})
            assert answer.json()["code"] == "SOURCE_FAULT"
            health = (await client.get("/health")).json()
        assert (health["ready"], health["failing"]) == (True, ["agents"])
        assert [agent.name for agent in desk.agents()] == ["a", "b"]


async def test_a_place_that_is_no_place_is_refused(settings):
    for place in ("gs://x", "s3://"):
        with pytest.raises(SettingsInvalid, match="FOLKMOOT_AGENTS"):
            App(settings.model_copy(update={"agents": (place,)}), env={})
