import asyncio
import gzip
import ssl
import subprocess
import zlib
from shutil import which

import pytest

from folkmoot.testing.contracts.tool import ToolContract, agent_with
from folkmoot.tools.http.egress import Egress
from folkmoot.tools.http.fetch import Fetch, HttpOptions
from folkmoot.tools.http.request import Request
from folkmoot.tools.http.wire import Wire

pytestmark = pytest.mark.slow


class HttpContract(ToolContract):
    kind = Fetch
    more = ()

    @pytest.fixture
    def tool(self, web):
        agent = agent_with("http_fetch", grants=tuple(web.grants))
        return self.kind(HttpOptions(), Egress(agent, web.resolve), Wire())

    @pytest.fixture
    def args(self, web):
        web.server.answer("/", b"hello", Content_Type="text/plain")
        return {"url": web.url(), **dict(self.more)}


class TestFetch(HttpContract):
    pass


class TestRequest(HttpContract):
    kind = Request
    more = (("method", "POST"),)


async def test_a_page_comes_as_text_with_status_and_place(web):
    page = "<html><title>T</title><p>Grüße</p></html>".encode("latin-1")
    web.server.answer("/a%20b?q=1", page, Content_Type="text/html; charset=ISO-8859-1")
    result = await web.fetch("/a b?q=1".replace(" ", "%20"))
    assert result.error == ""
    assert result.text == (
        f"HTTP 200 OK\nurl: {web.url('/a%20b?q=1')}\ncontent-type: text/html; charset=ISO-8859-1"
        "\n\nT\n\nGrüße"
    )
    raw = await web.fetch("/a%20b?q=1", raw=True)
    assert raw.text.endswith("<p>Grüße</p></html>")


async def test_the_request_says_who_we_are_and_nothing_of_our_environment(web, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    web.server.answer("/", b"x")
    assert (await web.fetch()).error == ""
    ((method, path, headers, _),) = web.server.asked
    assert (method, path) == ("GET", "/")
    assert headers["host"] == f"site.invalid:{web.server.port}"
    assert headers["user-agent"] == "folkmoot"
    assert set(headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


async def test_head_asks_for_no_body(web):
    web.server.answer("/", b"", Content_Type="text/html", ETag='"1"')
    result = await web.fetch(method="HEAD")
    assert web.server.asked[0][0] == "HEAD"
    assert 'etag: "1"' in result.text


async def test_a_failure_of_the_server_is_an_error_with_its_text(web):
    web.server.answer("/", b'{"why":"gone"}', "410 Gone", Content_Type="application/problem+json")
    result = await web.fetch()
    assert (result.error, '{"why":"gone"}' in result.text) == ("HTTP_410", True)


async def test_the_connection_goes_to_the_address_that_was_checked_and_no_name_is_asked_again(web):
    """The name has no address anywhere but in the one answer that was judged: no rebinding."""
    web.server.answer("/", b"x")
    assert (await web.fetch()).error == ""
    assert web.resolved == ["site.invalid"]


async def test_a_name_that_turns_out_to_be_private_is_not_connected_to(web):
    web.grants = ["http:get:site.invalid:*/**", "http:*"]
    result = await web.fetch()
    assert result.error == "PRIVATE_ADDRESS"
    assert web.server.asked == []


async def test_the_next_address_is_tried_when_the_first_does_not_connect(web):
    web.server.answer("/", b"x")
    web.names["site.invalid"] = ["127.0.0.9", "127.0.0.1"]
    assert (await web.fetch()).error == ""
    web.names["site.invalid"] = ["127.0.0.9"]
    assert (await web.fetch()).error == "UNREACHABLE"


async def test_a_redirect_within_the_grants_is_followed(web):
    web.server.answer("/a", status="302 Found", Location="/b")
    web.server.answer("/b", b"there", Content_Type="text/plain")
    result = await web.fetch("/a")
    assert result.text.endswith("there")
    assert f"url: {web.url('/b')}" in result.text


@pytest.mark.parametrize(
    "location",
    [
        "http://elsewhere.invalid/x",
        "http://127.0.0.1:{port}/secret",
        "http://site.invalid/x",  # another port
        "//elsewhere.invalid/x",
    ],
)
async def test_a_redirect_that_is_not_granted_is_told_and_not_followed(web, location):
    location = location.format(port=web.server.port)
    web.server.answer("/a", b"moved", "301 Moved Permanently", Location=location)
    web.server.answer("/secret", b"hunter2")
    result = await web.fetch("/a")
    assert "not followed: ask for it by itself" in result.text
    assert [path for _, path, *_ in web.server.asked] == ["/a"]
    assert web.resolved == ["site.invalid"]


async def test_a_redirect_to_a_granted_name_is_checked_for_its_address_again(web):
    """The first name is public, or granted; the second turns out to be inside."""
    web.grants.append("http:get:inside.invalid:*/**")
    web.names["inside.invalid"] = ["127.0.0.1"]
    web.server.answer("/a", status="302 Found", Location=web.url("/secret", "inside.invalid"))
    web.server.answer("/secret", b"hunter2")
    result = await web.fetch("/a")
    assert result.error == "PRIVATE_ADDRESS"
    assert [path for _, path, *_ in web.server.asked] == ["/a"]


async def test_redirects_have_an_end(web):
    web.server.answer("/a", status="307 Temporary Redirect", Location="/a")
    result = await web.fetch("/a")
    assert "too many redirects" in result.text
    assert len(web.server.asked) == 6


async def test_a_redirect_to_nonsense_is_an_answer_like_any_other(web):
    web.server.answer("/a", b"body", "302 Found", Location="javascript:alert(1)")
    result = await web.fetch("/a")
    assert "location: javascript:alert(1)" in result.text
    assert result.text.endswith("body")


async def test_a_large_reply_is_cut(web):
    web.options = HttpOptions(max_bytes=1000)
    web.server.answer("/", b"x" * 1_000_000, Content_Type="text/plain")
    result = await web.fetch()
    assert result.text.endswith("[the reply was cut after 1,000 bytes]")
    assert result.text.count("x") < 1010


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_reply_is_unpacked_and_no_further_than_the_limit(web, coding):
    pack = gzip.compress if coding == "gzip" else zlib.compress
    web.server.answer("/", pack(b"word " * 9), Content_Type="text/plain", Content_Encoding=coding)
    web.server.answer(
        "/bomb", pack(b"\0" * 200_000_000), Content_Type="text/plain", Content_Encoding=coding
    )
    assert (await web.fetch()).text.endswith("word word word word word word word word word")
    web.options = HttpOptions(max_bytes=1000)
    assert "cut after 1,000 bytes" in (await web.fetch("/bomb")).text


async def test_a_packed_reply_that_is_broken_is_no_answer(web):
    web.server.answer("/", b"not gzip", Content_Type="text/plain", Content_Encoding="gzip")
    assert (await web.fetch()).error == "NO_ANSWER"


async def test_a_reply_packed_in_another_way_is_told(web):
    web.server.answer("/", b"\x0b", Content_Type="text/plain", Content_Encoding="br")
    assert (await web.fetch()).error == "NOT_TEXT"


async def test_what_is_not_text_is_told_and_not_shown(web):
    web.server.answer("/", b"\x89PNG\0", Content_Type="image/png")
    result = await web.fetch()
    assert (result.error, "image/png" in result.text) == ("NOT_TEXT", True)


async def test_a_charset_that_there_is_not_does_no_harm(web):
    web.server.answer("/", "é".encode(), Content_Type="text/plain; charset=klingon")
    assert (await web.fetch()).text.endswith("é")
    web.server.answer("/", b"00", Content_Type="text/plain; charset=hex")
    assert (await web.fetch()).text.endswith("00")


async def test_a_server_that_drips_is_cut_off_in_time(web):
    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    web.server.answers["/"] = drip
    web.options = HttpOptions(timeout_s=0.2)
    assert (await web.fetch()).error == "NO_ANSWER"


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"]
)
async def test_a_garbled_answer_is_no_answer(web, answer):
    web.server.answers["/"] = answer
    assert (await web.fetch()).error == "NO_ANSWER"


async def test_a_request_carries_its_effect_as_idempotency_key(web):
    web.server.answer("/orders", b'{"id":1}', "201 Created", Content_Type="application/json")
    result = await web.request(
        "POST", "/orders", body='{"x":"ä"}', headers={"Content-Type": "application/json"}
    )
    assert (result.error, '{"id":1}' in result.text) == ("", True)
    ((method, path, headers, body),) = web.server.asked
    assert (method, path, body.decode()) == ("POST", "/orders", '{"x":"ä"}')
    assert headers["idempotency-key"] == web.context.effect
    assert headers["content-type"] == "application/json"


async def test_a_header_of_the_model_takes_the_place_of_ours(web):
    web.server.answer("/", b"x", Content_Type="text/plain")
    await web.request("POST", headers={"user-agent": "curious/1"})
    assert web.server.asked[0][2]["user-agent"] == "curious/1"


async def test_a_request_without_an_answer_is_sent_once_and_said_to_be_uncertain(web):
    async def vanish(writer):
        writer.close()

    web.server.answers["/"] = vanish
    result = await web.request("POST", body="x")
    assert (result.error, "may have taken effect" in result.text) == ("NO_ANSWER", True)
    assert len(web.server.asked) == 1


async def test_a_request_that_could_not_connect_is_not_uncertain(web):
    web.names["site.invalid"] = ["127.0.0.9"]
    result = await web.request("POST", body="x")
    assert (result.error, "may have taken" in result.text) == ("UNREACHABLE", False)


async def test_a_request_does_not_follow_redirects(web):
    web.server.answer("/", status="307 Temporary Redirect", Location="/again")
    result = await web.request("PUT", body="x")
    assert "location: /again" in result.text
    assert len(web.server.asked) == 1


@pytest.fixture
def certificate(tmp_path):
    if which("openssl") is None:
        pytest.skip("needs the openssl program to make a certificate")
    files = [str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", "/CN=site.invalid", "-addext",
         "subjectAltName=DNS:site.invalid", "-keyout", files[0], "-out", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


async def test_a_certificate_is_held_against_the_name_and_not_the_address(web, certificate, sealed):
    key, cert = certificate
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(cert, key)
    web.grants += ["http:get:other.invalid:*/**", "http:private"]
    web.names["other.invalid"] = ["127.0.0.1"]
    async with sealed(ssl=ours) as server:
        server.answer("/", b"sealed", Content_Type="text/plain")
        web.server = server
        assert "certificate is not valid" in (await web.fetch(scheme="https")).text  # not trusted
        web.wire = Wire(ssl.create_default_context(cafile=cert))
        assert (await web.fetch(scheme="https")).text.endswith("sealed")
        wrong = await web.fetch(scheme="https", host="other.invalid")
        assert (wrong.error, "not valid for this name" in wrong.text) == ("UNREACHABLE", True)
