import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid, ModelAuth, ModelRejected
from folkmoot.models.wires.endpoint import Home, find, trusts_environment
from folkmoot.models.wires.options import check, native_output, transparent
from folkmoot.models.wires.settings import checked

HOME = Home(url="https://api.home.example/v1", url_env="HOME_URL", key_env="HOME_KEY")
OPEN = Home(url="http://127.0.0.1:1/v1", url_env="HOME_URL", key_env="HOME_KEY", needs_key=False)
SECRET = "s3cret-value"


def at(env: dict[str, str], home: Home = HOME, **more):
    return find(ModelChoice(provider="home", name="m", **more), env, home)


def test_the_usual_key_goes_to_the_providers_own_address():
    place = at({"HOME_KEY": SECRET})
    assert (place.url, place.key, place.own) == ("https://api.home.example/v1", SECRET, True)
    assert at({"HOME_KEY": SECRET}, base_url="https://api.home.example/v1/").key == SECRET


@pytest.mark.parametrize(
    "stranger",
    [
        "https://evil.example/v1",
        "http://api.home.example/v1",
        "https://api.home.example:8443/v1",
        "https://api.home.example.evil.example/v1",
    ],
)
def test_the_usual_key_never_goes_to_an_address_that_an_agent_file_names(stranger):
    place = at({"HOME_KEY": SECRET}, base_url=stranger)
    assert (place.key, place.own) == ("", False)


def test_a_named_key_goes_where_the_agent_file_says():
    place = at(
        {"THEIRS": "other", "HOME_KEY": SECRET}, base_url="http://vllm/v1", api_key_env="THEIRS"
    )
    assert place.key == "other"


def test_who_sets_address_and_key_in_the_environment_means_both():
    env = {"HOME_KEY": SECRET, "HOME_URL": "https://proxy.example/v1"}
    assert (at(env).url, at(env).key, at(env).own) == ("https://proxy.example/v1", SECRET, False)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_is_told_by_the_name_of_its_variable(value):
    env = {} if value is None else {"HOME_KEY": value, "MINE": value}
    with pytest.raises(ModelAuth, match="HOME_KEY"):
        at(env)
    with pytest.raises(ModelAuth, match="MINE"):
        at(env, api_key_env="MINE")


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel", "\x00zero"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(value):
    with pytest.raises(ModelAuth) as caught:
        at({"HOME_KEY": value})
    assert value not in str(caught.value)


def test_a_provider_may_need_no_key_but_a_named_one_must_be_there():
    assert at({}, OPEN).key == ""
    assert at({"HOME_KEY": SECRET}, OPEN).key == SECRET
    with pytest.raises(ModelAuth, match="MINE"):
        at({}, OPEN, api_key_env="MINE")


def test_the_key_does_not_show():
    assert SECRET not in repr(at({"HOME_KEY": SECRET}))
    assert SECRET not in str(at({"HOME_KEY": SECRET}))


@pytest.mark.parametrize("url", ["ftp://x/v1", "api.home.example", "http://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Invalid, match="http"):
        at({}, base_url=url)


def test_an_address_with_a_password_is_refused_without_showing_it():
    with pytest.raises(Invalid) as caught:
        at({}, base_url="https://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


def test_proxies_are_looked_for_only_when_we_were_given_some():
    assert not trusts_environment({"PATH": "/bin"})
    assert trusts_environment({"https_proxy": "http://p"})
    assert trusts_environment({"SSL_CERT_FILE": "/ca.pem"})


def test_settings_are_known_or_refused():
    given = {"temperature": 0.1, "max_tokens": 10, "home_special": True}
    assert checked(given, "home_") == given
    for wrong in ({"tempreature": 1}, {"openai_user": "x"}, {"timeout": 3}, {"max_retries": 5}):
        with pytest.raises(ModelRejected, match=next(iter(wrong))):
            checked(wrong, "home_")
    with pytest.raises(ModelRejected, match="journal"):
        checked({"openai_previous_response_id": "x"}, "openai_")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", None), ("max_tokens", "many"), ("max_tokens", 0), ("max_tokens", True),
        ("temperature", "hot"), ("seed", 1.5), ("stop_sequences", "END"), ("thinking", 5),
        ("extra_headers", ["x"]), ("extra_headers", {"X-A": 5}), ("extra_headers", {"X-A": "ü"}),
        ("extra_body", "x"), ("tool_choice", {}), ("parallel_tool_calls", "no"),
    ],
)  # fmt: skip
def test_a_setting_of_the_wrong_kind_is_refused_by_name(name, value):
    with pytest.raises(ModelRejected, match=name):
        checked({name: value}, "home_")


def test_options_are_known_and_flags():
    def choice(provider="p", **options):
        return ModelChoice(provider=provider, name="m", options=options)

    assert native_output(choice())
    assert not native_output(choice(native_output=False))
    assert transparent(choice(transparent=True))
    check(choice("bedrock", region="x"))
    with pytest.raises(Invalid, match="'region'"):
        check(choice(region="x"))
    with pytest.raises(Invalid, match="true or false"):
        transparent(choice(transparent="yes"))
