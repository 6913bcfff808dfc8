import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.messages import Answered, Returned, Said
from folkmoot.models.keywords import Keywords, reply
from folkmoot.ports.model import Request

GREETING, HELP, THANKS, PHASE, QUESTION, DEFAULT = (
    reply(text) for text in ("hello", "help", "thanks", "phase 2", "why?", "so")
)


def test_the_six_answers_differ():
    assert len({GREETING, HELP, THANKS, PHASE, QUESTION, DEFAULT}) == 6


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Hi!", GREETING),
        ("oh, HELLO there", GREETING),
        ("hello, can you help?", GREETING),
        ("Please help me", HELP),
        ("thank you", THANKS),
        ("Thanks, that helped", THANKS),
        ("What is Phase  2", PHASE),
        ("is this it?", QUESTION),
        ("this", DEFAULT),
        ("which machine", DEFAULT),
        ("the history of a helpless thankless phase 20", DEFAULT),
        ("", DEFAULT),
    ],
)
def test_words_are_matched_whole_and_in_order(said, answer):
    assert reply(said) == answer


@pytest.mark.parametrize(
    "said", ["Привіт", "допоможи мені", "Дякую!", "Розкажи про фазу 2", "Чому?"]
)
def test_ukrainian_is_answered_in_ukrainian(said):
    assert all(ord(letter) > 0x400 for letter in reply(said) if letter.isalpha())
    assert reply(said) not in {GREETING, HELP, THANKS, PHASE, QUESTION, DEFAULT}


async def test_the_last_words_of_a_person_count_and_nothing_is_called():
    history = [Said("hello"), Answered("Hello."), Returned("c", "t", "hello"), Said("thanks")]
    choice = ModelChoice(provider="keywords", name="keywords")
    pieces: list[str] = []
    request = Request(choice=choice, system="", messages=history)
    answer = await Keywords().call(request, pieces.append)
    assert answer.text == THANKS == "".join(pieces)
    assert (answer.calls, answer.finish) == ((), "stop")
    assert answer.usage.input > 0
