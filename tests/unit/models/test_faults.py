import pytest

from folkmoot.core import errors
from folkmoot.models.wires.faults import Cleaner, Failure, fault

NOW = 1_795_392_000.0
SECRET = "0123456789abcdef-secret"


def of(status: int, message: str = "", **more) -> errors.ModelFault:
    return fault(Failure(status=status, message=message, **more), "The model p:m", NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.ModelRejected),
        (401, errors.ModelAuth),
        (402, errors.ModelRejected),
        (403, errors.ModelAuth),
        (404, errors.ModelRejected),
        (408, errors.ModelTimeout),
        (409, errors.ModelRejected),
        (413, errors.ContextTooLong),
        (422, errors.ModelRejected),
        (424, errors.Overloaded),
        (429, errors.RateLimited),
        (500, errors.Overloaded),
        (502, errors.Overloaded),
        (503, errors.Overloaded),
        (504, errors.Overloaded),
        (529, errors.Overloaded),
        (599, errors.Overloaded),
    ],
)
def test_every_status_is_one_fault(status, kind):
    assert type(of(status, "Words.")) is kind


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Input is too long for requested model.",
        "the request exceeds the available context size",
        "Please reduce the length of the messages.",
        "input tokens exceed the configured limit",
        "The input token count exceeds the maximum number of tokens allowed",
        "context_length_exceeded",
    ],
)
def test_an_overflow_is_known_by_its_words(message):
    assert type(of(400, message)) is errors.ContextTooLong
    assert type(of(500, message)) is errors.Overloaded


@pytest.mark.parametrize("message", ["The context is unclear.", "Unknown field max_tokens."])
def test_other_words_are_no_overflow(message):
    assert type(of(400, message)) is errors.ModelRejected


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (429, "insufficient_quota", "You exceeded your current quota."),
        (400, "", "Your credit balance is too low to access the API."),
        (402, "", "Payment required"),
        (403, "billing_error", ""),
    ],
)
def test_an_empty_account_is_not_worth_a_retry(status, code, message):
    failure = of(status, message, code=code)
    assert type(failure) is errors.ModelRejected
    assert "top it up" in failure.todo


def test_a_fault_tells_model_status_code_and_wait():
    failure = of(429, "Slow down.", code="rate_limit", headers={"retry-after": "3"})
    assert str(failure) == "The model p:m answered 429: Slow down."
    assert failure.details == {"status": 429, "provider_code": "rate_limit", "retry_after": 3.0}
    assert failure.retry_after == 3.0


def test_only_a_fault_that_is_worth_waiting_for_tells_a_wait():
    assert of(400, headers={"retry-after": "3"}).retry_after is None


@pytest.mark.parametrize(
    "text",
    [
        f"key {SECRET} unknown",
        f"{SECRET}{SECRET}",
        "Incorrect API key provided: sk-proj-abcdEFGH1234*****wxyz",
        "Authorization: Bearer abcdefghijklmnop1234",
        "x-api-key: whatever-it-is",
        "AKIAIOSFODNN7EXAMPLE is not valid",
        "http://user:hunter2hunter2@host/v1 refused",
    ],
)
def test_no_key_survives_cleaning(text):
    clean = Cleaner(SECRET, "")(text)
    for secret in (SECRET, "sk-proj", "abcdefghijklmnop1234", "whatever-it-is", "AKIA", "hunter2"):
        assert secret not in clean
    assert "[key]" in clean


def test_ordinary_words_survive_cleaning():
    text = "The task-list and the Bearer token requires HTTPS; ask-me-anything costs 3."
    assert Cleaner(SECRET)(text) == text


def test_long_texts_are_cut_and_put_on_one_line():
    clean = Cleaner()("<html>\n\n  <body>" + "x" * 5000)
    assert clean.startswith("<html> <body>x")
    assert len(clean) == 501


@pytest.mark.parametrize("before", range(99_950, 100_010, 7))
def test_of_a_very_long_text_only_the_beginning_is_looked_at_and_no_key_is_cut_there(before):
    key = "folk0123456789moot"
    cleaned = Cleaner(key)("said" + " " * before + key * 2 + "x" * 10_000_000)
    assert cleaned.startswith("said")
    assert "folk" not in cleaned
