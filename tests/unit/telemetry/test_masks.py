import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folkmoot.telemetry.masks import MASK, names_secret, text, value

SECRETS = [
    "sk-abcdefghijklmnop1234",
    "sk-ant-api03-abcdefghijklmnop",
    "sk-proj-abcdef_ghijklmnop",
    "ghp_abcdefghijklmnopqrst",
    "gho_abcdefghijklmnopqrst",
    "ghu_abcdefghijklmnopqrst",
    "ghs_abcdefghijklmnopqrst",
    "ghr_abcdefghijklmnopqrst",
    "github_pat_abcdefghijklmnopqrst",
    "glpat-abcdefghijklmnop",
    "xoxb-1234567890-abc",
    "xapp-1-A0123456789",
    "AKIAABCDEFGHIJKLMNOP",
    "ASIAABCDEFGHIJKLMNOP",
    "AIza" + "a" * 35,
    "hvs." + "a" * 24,
    "hvb." + "a" * 24,
    "hvr." + "a" * 24,
    "npm_" + "a" * 36,
    "pypi-" + "a" * 40,
    "botburrow_agent_" + "0a" * 32,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\ncut off",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_shaped_like_a_token_goes_wherever_it_stands(secret):
    assert secret not in text(f"It said: {secret}")
    assert text(f"before {secret}").startswith("before ")
    assert MASK in text(secret)
    assert value("note", {"deep": [secret]}) == {"deep": [MASK]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://ann:hunter2@example.com/x", f"https://{MASK}@example.com/x"),
        ("postgresql://u:p@h/db?a=1", f"postgresql://{MASK}@h/db?a=1"),
        ("Authorization: Bearer abcdefgh.ijk", f"Authorization: Bearer {MASK}"),
        ("basic dXNlcjpwYXNz", f"basic {MASK}"),
        ("GET /x?api_key=abcd1234&n=1", f"GET /x?api_key={MASK}&n=1"),
        ('{"password": "hunter22", "n": 1}', f'{{"password": "{MASK}", "n": 1}}'),
        ("PASSWORD=hunter22 rest", f"PASSWORD={MASK} rest"),
        ("DB_PASSWORD=hunter22 rest", f"DB_PASSWORD={MASK} rest"),
        ("POST /t?client_secret=hunter22&n=1", f"POST /t?client_secret={MASK}&n=1"),
        ("AWS_SECRET_ACCESS_KEY=a/b+c1", f"AWS_SECRET_ACCESS_KEY={MASK}"),
        ("OPENAI_API_KEY=abcd1234", f"OPENAI_API_KEY={MASK}"),
        ("SECRET_KEY: hunter22", f"SECRET_KEY: {MASK}"),
        ('{"refreshToken":"hunter22"}', f'{{"refreshToken":"{MASK}"}}'),
        ('password="hunter and two", n=1', f'password="{MASK}", n=1'),
        ("AUTHORIZATION: BEARER abcdefgh", f"AUTHORIZATION: BEARER {MASK}"),
        ("postgresql://u:p@ss@h/db", f"postgresql://{MASK}@h/db"),
        ("POST /t?access_token=abcd1234&n=1", f"POST /t?access_token={MASK}&n=1"),
        ("client_secret=abcd1234, x", f"client_secret={MASK}, x"),
        ("OPENAI_API_KEY=abcd1234 x", f"OPENAI_API_KEY={MASK} x"),
        ("AWS_SECRET_ACCESS_KEY=abcd1234", f"AWS_SECRET_ACCESS_KEY={MASK}"),
    ],
)
def test_only_the_secret_goes_and_the_rest_stays_readable(given, kept):
    assert text(given) == kept


@pytest.mark.parametrize(
    "plain",
    [
        "", "The token was refused.", "https://example.com/a@b", "ask-for-more-of-everything-here",
        "eyJust kidding", "12:30 meeting", "password reset mail sent", "sk-short", "a secret place",
        "tokens=1234 max_tokens: 4096", "tokenizer=llama3", "unsecret=abcd",
        "max_tokens=4096", "mytoken=4096", "secretary: Ann",
    ],
)  # fmt: skip
def test_plain_text_stays_as_it_is(plain):
    assert text(plain) == plain


@pytest.mark.parametrize(
    "name",
    ["password", "db_password", "apiKey", "API-KEY", "api_keys", "X-API-Key", "Authorization",
     "client_secret", "accessKey", "AWS_SECRET_ACCESS_KEY", "token", "refreshToken", "Set-Cookie",
     "private_key", "APIKEY", "OPENAI_API_KEY"],
)  # fmt: skip
def test_a_value_whose_name_says_secret_goes_whole(name):
    assert names_secret(name)
    assert value(name, "x") == MASK
    assert value(name, 1234) == MASK
    assert value("env", {name: ["x"]}) == {name: MASK}


@pytest.mark.parametrize(
    "name",
    ["tokens", "max_tokens", "input_tokens", "key", "monkey", "keyboard", "secretary", "by", "author",
     "tokenizer", "cookies_eaten", "primary_key", "idempotency_key"],
)  # fmt: skip
def test_a_name_that_only_looks_alike_keeps_its_value(name):
    assert not names_secret(name)
    assert value(name, 7) == 7


def test_what_is_not_set_may_be_told():
    assert value("password", None) is None
    assert value("api_key", given=False) is False


def test_what_is_too_deep_to_look_through_goes_whole():
    deep = "sk-abcdefghijklmnop1234"
    for _ in range(20):
        deep = {"in": deep}
    assert "sk-" not in str(value("x", deep))


def test_objects_are_looked_through_as_text():
    class Loud:
        def __str__(self):
            return "Bearer abcdefghijkl"

    assert value("x", Loud()) == f"Bearer {MASK}"
    assert value("x", {"a", "b"}) in (["a", "b"], ["b", "a"])


@settings(deadline=None, max_examples=50)
@given(st.text(), st.sampled_from(SECRETS[:-2]), st.text())
def test_a_token_is_found_in_any_company(before, secret, after):
    assert secret not in text(f"{before} {secret} {after}")
