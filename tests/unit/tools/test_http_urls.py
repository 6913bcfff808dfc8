import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.tools.http.addresses import public
from folkmoot.tools.http.html import to_text
from folkmoot.tools.http.urls import follow, parse
from folkmoot.tools.threads import Stop
from folkmoot.tools.trouble import Trouble


@pytest.mark.parametrize(
    ("url", "resource", "sent"),
    [
        ("https://Example.COM", "example.com", "/"),
        ("https://example.com./", "example.com", "/"),
        ("https://example.com:443/a/b?q=1#top", "example.com/a/b", "/a/b?q=1"),
        ("https://example.com:8443/a", "example.com:8443/a", "/a"),
        ("http://example.com:443/", "example.com:443", "/"),
        ("https://example.com/a/../b/./c/", "example.com/b/c", "/b/c/"),
        ("https://example.com/../../a", "example.com/a", "/a"),
        ("https://example.com/a/%2e%2E/b", "example.com/b", "/b"),
        ("https://example.com/%70rivate/x", "example.com/private/x", "/private/x"),
        ("https://example.com/a%2Fb", "example.com/a/b", "/a%2Fb"),
        ("https://example.com//a///b", "example.com/a/b", "//a///b"),
        ("https://example.com/a%20b", "example.com/a b", "/a%20b"),
        ("https://example.com/ä?ö=ü", "example.com/ä", "/%C3%A4?%C3%B6=%C3%BC"),
        ("https://example.com/%ff", "example.com/%ff", "/%ff"),
        ("https://example.com/%40me/a%2Fb/%FF", "example.com/@me/a/b/%ff", "/%40me/a%2Fb/%FF"),
        ("https://bücher.example/", "xn--bcher-kva.example", "/"),
        ("https://[2606:4700::1111]:8443/x", "[2606:4700::1111]:8443/x", "/x"),
        ("https://example.com/a;v=1/b,c:d@e", "example.com/a;v=1/b,c:d@e", "/a;v=1/b,c:d@e"),
    ],
)
def test_the_permission_and_the_request_are_made_of_the_same_parts(url, resource, sent):
    target = parse(url)
    assert (target.resource, target.raw_path) == (resource, sent)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://example.com@evil.example/",
        "https://example.com\\@evil.example/",
        "https://example.com\t.evil.example/",
        "https://example.com /",
        "https://exa\nmple.com/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1/",
        "https://[::1%25eth0]/",
        "https://-example.com/",
        "https://exa..mple.com/",
        "https://exa%6Dple.com/",
        "https://example.com/public/..%2fprivate",
        "https://example.com/public/%2e%2e%2fprivate",
        "https://example.com/public/..%5cprivate",
        "https://example.com/public/..%2fprivate/%ff",
        "https://example.com/a%00b",
        "https://example.com/a%0d%0aX: y",
        "https://example.com/" + "a" * 9000,
        "https://example.com/\ud800",
    ],
)
def test_what_is_unclear_is_not_sent(url):
    with pytest.raises(Trouble) as caught:
        parse(url)
    assert caught.value.code == "BAD_URL"


@given(st.text(alphabet="ab./%2eEfF5cC:@?#\\ \t", max_size=30))
def test_no_path_that_is_judged_holds_a_dot_segment(tail):
    try:
        target = parse("https://example.com/" + tail)
    except Trouble:
        return
    segments = target.resource.split("/")
    assert segments[0] == "example.com"
    assert not {".", "..", ""} & set(segments)
    assert target.host == "example.com"
    assert parse(str(target)) == target


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/b", "https://example.com/b"),
        ("b?x=1", "https://example.com/a/b?x=1"),
        ("//other.example/c", "https://other.example/c"),
        ("http://example.com/", "http://example.com/"),
        ("../../../etc", "https://example.com/etc"),
    ],
)
def test_redirects_are_read_as_browsers_do(location, leads):
    assert str(follow(parse("https://example.com/a/page"), location)) == leads


@pytest.mark.parametrize("location", ["file:///etc/passwd", "//[", "http://[::1"])
def test_a_redirect_to_what_is_no_url_of_ours_is_no_redirect(location):
    with pytest.raises(Trouble):
        follow(parse("https://example.com/"), location)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1/", True),
        ("http://169.254.169.254/latest", True),
        ("http://[::1]/", True),
        ("http://localhost:8080/", True),
        ("http://x.localhost/", True),
        ("http://8.8.8.8/", False),
        ("http://example.com/", False),
    ],
)
def test_hosts_that_are_private_by_their_very_name(url, private):
    assert parse(url).surely_private is private


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.1",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:5ef5::1", "100::1",
        "not-an-address", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_the_public_internet(address):
    assert not public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_addresses_that_are(address):
    assert public(address)


PAGE = """<!doctype html><html><head><title>News &amp; more</title><style>p{color:red}</style>
<script>var secret = "<p>no</p>";</script></head><body><nav><a href="/home">Home</a></nav>
<h2>Today</h2><p>One   <b>two</b>
three<br>four &lt;5&gt;</p><ul><li>first</li><li><a href="https://example.com/x">second</a></li></ul>
<table><tr><th>a</th><td>b</td></tr></table><pre>  keep
    this</pre><noscript>never</noscript><p>end"""


def test_a_page_reads_as_a_person_reads_it():
    assert to_text(PAGE, Stop(9)) == (
        "News & more\n\nHome </home>\n\n## Today\n\nOne two three\nfour <5>\n\n- first\n\n"
        "- second <https://example.com/x>\n\n| a | b\n\nkeep\nthis\n\nend"
    )


def test_a_page_whose_time_is_up_is_given_in_part():
    text = to_text("<p>begin</p>" + "x" * 100_000, Stop(0))
    assert "too slow to read" in text


@pytest.mark.parametrize("piece", ["<a/", "<x y=z ", "<!--", "</"])
def test_a_page_that_is_made_to_be_slow_is_left_in_the_middle_of_a_step(piece):
    class Looks(Stop):
        count = 0

        def over(self):
            self.count += 1
            return self.count > 50

    assert "too slow to read" in to_text(piece * 1_000, Looks(9))


@given(st.text(alphabet="<>/!-a \"'=&;pre", max_size=200))
def test_no_page_breaks_the_reader(page):
    assert isinstance(to_text(page, Stop(9)), str)
