from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from folkmoot.core.errors import Invalid
from folkmoot.core.grants import Grant, parse

_alphabet = "ab."
_piece = st.text(_alphabet, max_size=3)
_plain = st.lists(_piece, min_size=1, max_size=4)
_globbed = st.lists(_piece, min_size=1, max_size=3).map("*".join)
_segments = st.lists(st.one_of(_piece, _globbed, st.just("**")), min_size=1, max_size=5)


def within(pattern, text):
    """Whether a segment fits, tried out in every way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(within(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and within(pattern[1:], text[1:])


def over(pattern, parts):
    """Whether a list of segments fits, tried out in every way."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(over(pattern[1:], parts[n:]) for n in range(len(parts) + 1))
    return bool(parts) and within(pattern[0], parts[0]) and over(pattern[1:], parts[1:])


def covers(grant, need):
    return parse(grant).covers(parse(need))


@given(_segments, _plain)
@example(["**"], ["", "etc", "passwd"])
@example(["a", "**"], ["a", ""])
@example(["**", "a", "**", "b"], ["a", "a", "b", "b"])
@example(["**", "a", "**", "b"], ["ab", "a", "b"])
@example(["**", "a*b", "**", "b"], ["ab.", "ab", "b"])
@example(["*a*a*b"], ["aaab"])
def test_resources_fit_segment_by_segment(pattern, parts):
    grant = Grant("s", "a", "/".join(pattern))
    assert grant.covers(Grant("s", "a", "/".join(parts))) == over(pattern, parts)


@given(_plain)
def test_a_resource_without_wildcards_covers_itself_and_nothing_else(parts):
    resource = "/".join(parts)
    grant = Grant("s", "a", resource)
    assert grant.covers(Grant("s", "a", resource))
    for other in [
        f"{resource}x",
        f"x{resource}",
        f"{resource}/x",
        f"x/{resource}",
        f"{resource}\n",
    ]:
        assert not grant.covers(Grant("s", "a", other))
    if resource:
        assert not grant.covers(Grant("s", "a", resource[:-1]))


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_character_but_the_star_means_anything_but_itself(pattern, resource):
    if "*" not in pattern:
        assert Grant("s", "a", pattern).covers(Grant("s", "a", resource)) == (pattern == resource)


@pytest.mark.parametrize(
    ("grant", "need"),
    [
        ("github:read", "github:read"),
        ("github:read", "github:read:any/thing"),
        ("github:*", "github:write"),
        ("*:read", "files:read:docs"),
        ("*:*", "shell:run"),
        ("files:read:docs/*", "files:read:docs/a"),
        ("files:read:docs/*", "files:read:docs/"),
        ("files:read:docs/**", "files:read:docs"),
        ("files:read:docs/**", "files:read:docs/a/b"),
        ("files:read:**", "files:read:/etc/passwd"),
        ("files:read:**/*.md", "files:read:a.md"),
        ("files:read:**/*.md", "files:read:a/b/c.md"),
        ("files:write:**/secrets/**", "files:write:a/secrets/b/c"),
        ("http:get:example.org/**", "http:get:example.org/a/"),
        ("http:get:*.example.org/**", "http:get:api.example.org/a//b"),
        ("http:get:https://a:80/**", "http:get:https://a:80/b?c=d:e"),
        ("db:query:a-*-z", "db:query:a--z"),
    ],
)
def test_what_a_grant_covers(grant, need):
    assert covers(grant, need)


@pytest.mark.parametrize(
    ("grant", "need"),
    [
        ("github:read", "github:readwrite"),
        ("github:readwrite", "github:read"),
        ("github:read", "gitlab:read"),
        ("git:read", "github:read"),
        ("files:read:docs", "files:read:docs2"),
        ("files:read:docs", "files:read:docs/a"),
        ("files:read:docs/a", "files:read:docs"),
        ("files:read:docs", "files:read"),
        ("files:read:**", "files:read"),
        ("files:read:docs/*", "files:read:docs/a/b"),
        ("files:read:docs/*", "files:read:docs"),
        ("files:read:docs/**", "files:read:docs2/a"),
        ("files:read:docs/**", "files:read:a/docs/b"),
        ("files:read:/sandbox/**", "files:read:/sandboxX/a"),
        ("files:read:*.md", "files:read:a/b.md"),
        ("files:read:*.md", "files:read:a.mdx"),
        ("files:read:a.c", "files:read:abc"),
        ("http:get:*.example.org/**", "http:get:example.org/a"),
        ("http:get:*.example.org/**", "http:get:evil.org/x.example.org/a"),
    ],
)
def test_what_a_grant_does_not_cover(grant, need):
    assert not covers(grant, need)


def test_a_wildcard_in_a_need_is_only_a_name():
    assert not Grant("files", "read", "docs").covers(Grant("files", "read", "*"))
    assert not Grant("github", "read").covers(Grant("*", "read"))


@pytest.mark.parametrize("text", ["a:b", "a-b.c_1:*", "*:read:x", "a:b:c:d/e:f", "a:b: c\n"])
def test_a_grant_reads_as_it_is_written(text):
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "service:action"),
        ("files", "service:action"),
        ("files:read:", "resource is empty"),
        (":read", "''"),
        ("files:", "''"),
        ("Files:read", "'Files'"),
        ("files:re*", "'re*'"),
        ("files: read", "' read'"),
        ("files:read\n", "'read\\\\n'"),
        ("files\n:read", "'files\\\\n'"),
        ("-files:read", "'-files'"),
        ("files:**", "'**'"),
    ],
)
def test_what_is_no_grant_is_refused_with_the_part_that_is_wrong(text, named):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert named.replace("\\\\", "\\") in caught.value.message


@pytest.mark.parametrize(
    ("pattern", "resource"),
    [
        ("*a" * 12 + "*b", "a" * 3000),
        ("**/a/" * 8 + "b", "a/" * 1500),
        ("**/*a*a*b", "aaaa/" * 600),
    ],
)
def test_no_need_makes_matching_slow(pattern, resource):
    grant, need = Grant("s", "a", pattern), Grant("s", "a", resource)
    began = perf_counter()
    assert not grant.covers(need)
    assert perf_counter() - began < 0.5
