from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.spend import Hold
from folkmoot.core.verdict import Act, Allow, AskPerson, Deny, fold

_names = st.text("abc", min_size=1, max_size=3)
_holds = st.lists(st.builds(Hold, _names, st.integers(0, 9), st.integers(0, 9)), max_size=2)
_allows = st.builds(Allow, _names, _holds.map(tuple))
_asks = st.builds(AskPerson, _names, _names, needs=st.integers(1, 3))
_denies = st.builds(Deny, _names, _names, stop=st.booleans())
_some = st.lists(st.one_of(_allows, _asks, _denies), max_size=8)


@given(_some)
def test_one_deny_is_enough_and_the_first_counts(verdicts):
    denies = [verdict for verdict in verdicts if isinstance(verdict, Deny)]
    if denies:
        assert fold(verdicts) is denies[0]


@given(st.lists(st.one_of(_allows, _asks), min_size=1))
def test_without_a_deny_the_first_who_asks_counts(verdicts):
    asks = [verdict for verdict in verdicts if isinstance(verdict, AskPerson)]
    if asks:
        assert fold(verdicts) is asks[0]


@given(st.lists(_allows, min_size=1))
def test_all_who_allow_are_one_with_all_their_holds_in_order(verdicts):
    folded = fold(verdicts)
    assert isinstance(folded, Allow)
    assert folded.policy == verdicts[0].policy
    assert folded.holds == tuple(hold for verdict in verdicts for hold in verdict.holds)


@given(_some)
def test_the_answer_is_no_unless_somebody_said_yes(verdicts):
    if not any(isinstance(verdict, Allow | AskPerson) for verdict in verdicts):
        assert isinstance(fold(verdicts), Deny)


def test_no_answer_at_all_is_a_no_that_says_so():
    folded = fold([])
    assert isinstance(folded, Deny)
    assert (folded.policy, folded.code, folded.stop) == ("gate", "NO_POLICY", False)


@given(_some)
def test_folding_changes_nothing(verdicts):
    before = list(verdicts)
    fold(verdicts)
    assert verdicts == before


def test_an_act_is_named_as_a_person_would():
    assert str(Act(kind="tool", name="shell", call="c1")) == "tool shell"
