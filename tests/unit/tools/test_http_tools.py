import pytest

from folkmoot.core.agent import Approval
from folkmoot.core.effects import Effect
from folkmoot.core.grants import Grant
from folkmoot.testing.contracts.tool import agent_with, context_in
from folkmoot.tools.http.egress import Egress
from folkmoot.tools.http.fetch import Fetch, HttpOptions
from folkmoot.tools.http.replies import told
from folkmoot.tools.http.request import Request
from folkmoot.tools.http.urls import parse
from folkmoot.tools.http.wire import Reply
from folkmoot.tools.trouble import Trouble


def egress(*grants, addresses=("8.8.8.8",), **fields):
    async def resolve(host, port):
        return list(addresses)

    return Egress(agent_with("http_fetch", grants=grants, **fields), resolve)


class Silent:
    """A wire that must not be used."""

    async def send(self, ask, addresses):
        raise AssertionError("something was sent")


@pytest.fixture
def fetch():
    return Fetch(HttpOptions(), egress("http:get:example.com/**"), Silent())


@pytest.fixture
def request_tool():
    return Request(HttpOptions(), egress("http:post:example.com/**"), Silent())


def needs(tool, **args):
    return [(str(need.grant), need.ordinary) for need in tool.needs(args)]


def test_reading_is_pure_and_changing_is_once(fetch, request_tool):
    assert fetch.spec.effect is Effect.PURE
    assert request_tool.spec.effect is Effect.ONCE


def test_each_url_needs_a_grant_of_its_own(fetch, request_tool):
    assert needs(fetch, url="https://Example.com/a/../b?q") == [("http:get:example.com/b", False)]
    assert needs(fetch, url="https://example.com/b", method="HEAD") == [
        ("http:get:example.com/b", False)
    ]
    assert needs(request_tool, url="https://example.com/b", method="DELETE") == [
        ("http:delete:example.com/b", False)
    ]


def test_a_private_address_needs_one_more(fetch):
    assert needs(fetch, url="http://127.0.0.1:8000/x") == [
        ("http:get:127.0.0.1:8000/x", False),
        ("http:private:127.0.0.1", False),
    ]


async def test_a_url_that_cannot_be_read_reaches_nothing(fetch, tmp_path):
    assert needs(fetch, url="https://user@example.com/") == []
    result = await fetch.call({"url": "https://user@example.com/"}, context_in(tmp_path))
    assert result.error == "BAD_URL"


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("169.254.169.254",)],
)
async def test_one_private_address_among_a_host_s_is_enough_to_refuse(addresses):
    out = egress("http:get:example.com/**", "http:*", "*:*", addresses=addresses)
    with pytest.raises(Trouble) as caught:
        await out.addresses(parse("https://example.com/"))
    assert caught.value.code == "PRIVATE_ADDRESS"


async def test_a_private_address_is_reached_by_a_grant_that_says_so():
    out = egress("http:private:intranet.example", addresses=("10.0.0.1",))
    assert await out.addresses(parse("https://intranet.example/")) == ["10.0.0.1"]
    for other in ("https://intranet.example.evil.example/", "https://xintranet.example/"):
        with pytest.raises(Trouble):
            await out.addresses(parse(other))


async def test_a_deny_beats_the_grant_of_a_private_address():
    out = egress("http:private", denies=("http:private:10.*",), addresses=("10.0.0.1",))
    with pytest.raises(Trouble):
        await out.addresses(parse("http://10.0.0.1/"))
    assert await out.addresses(parse("http://intranet/")) == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("target", "follows"),
    [
        ("https://example.com/docs/x", True),
        ("https://example.com/docs", True),
        ("https://example.com/docs2/x", False),
        ("https://example.com/private", False),
        ("https://example.com:8443/docs/x", False),
        ("https://sub.example.com/docs/x", False),
        ("https://example.com.evil.example/docs/x", False),
        ("https://example.com/docs/asked/x", False),
        ("https://example.com/docs/denied/x", False),
        ("https://example.com/docs/%64enied/x", False),
        ("https://example.com/docs//denied/x", False),
        ("http://example.com/docs/x", False),
    ],
)
def test_a_redirect_is_followed_only_where_the_agent_might_have_gone_unasked(target, follows):
    out = egress(
        "http:get:example.com/docs/**",
        denies=("http:get:*/docs/denied/**",),
        approvals=(Approval(match="http:get:*/docs/asked/**"),),
    )
    assert out.follows(parse("https://example.com/docs/start"), parse(target)) is follows


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Idempotency-Key": "mine"},
        {"Proxy-Authorization": "x"},
        {"X-A": "a\r\nX-B: b"},
        {"X A": "a"},
        {"": "a"},
        {"X-Ü": "a"},
    ],
)
async def test_headers_that_would_change_the_request_are_refused(request_tool, tmp_path, headers):
    result = await request_tool.call(
        {"url": "https://example.com/", "method": "POST", "headers": headers}, context_in(tmp_path)
    )
    assert result.error == "BAD_HEADER"


def test_wildcards_of_grants_do_not_leave_their_host():
    need = Grant("http", "get", parse("https://example.com.evil.example/").resource)
    assert not egress("http:get:example.com/**")._grants[0].covers(need)


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode"])
async def test_a_charset_that_can_replace_nothing_does_no_harm(tmp_path, charset):
    target = parse("https://example.com/")
    headers = {"content-type": f"text/plain; charset={charset}"}
    reply = Reply(status=200, reason="OK", headers=headers, body="né\xff".encode())
    result = await told(reply, target, context_in(tmp_path), raw=False)
    assert result.text.endswith("né\xff")
