"""Run tokens: what they say, and that nobody else can write one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import NotAuthorized
from penstock.core.ids import RunId
from penstock.core.run_tokens import PREFIX, RunToken, is_token, read_token, write_token

TOKEN = RunToken(RunId("ab" * 16), claim=3, workspace="default", expires_at=2_000)


@given(workspace=st.text(), claim=st.integers(0), key=st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_what_is_written_is_read(workspace: str, claim: int, key: str) -> None:
    try:
        workspace.encode()
    except UnicodeEncodeError:
        return
    token = RunToken(RunId("0" * 32), claim, workspace, 2_000)
    assert token == read_token(write_token(token, key), key, now=1_999)


def test_a_token_goes_into_a_header() -> None:
    text = write_token(RunToken(TOKEN.run_id, 1, "büro: 7", 2_000), "k")
    assert is_token(text)
    assert text.isascii()
    assert not set(" \r\n;,") & set(text)


def test_it_holds_until_it_expires() -> None:
    text = write_token(TOKEN, "key")
    assert TOKEN == read_token(text, "key", now=1_999)
    with pytest.raises(NotAuthorized):
        read_token(text, "key", now=2_000)


def test_another_key_signs_another_token() -> None:
    with pytest.raises(NotAuthorized):
        read_token(write_token(TOKEN, "key"), "other", now=0)


@given(st.data())
def test_a_changed_token_is_none(data: st.DataObject) -> None:
    text = write_token(TOKEN, "key")
    at = data.draw(st.integers(len(PREFIX), len(text) - 1))
    other = data.draw(st.characters(codec="latin-1").filter(lambda character: character != text[at]))
    changed = text[:at] + other + text[at + 1 :]
    try:
        assert TOKEN == read_token(changed, "key", now=0)  # bits of the last digit that say nothing
    except NotAuthorized:
        pass


@pytest.mark.parametrize("text", [PREFIX, f"{PREFIX}.", f"{PREFIX}YQ.YQ", f"{PREFIX}é.ü", f"{PREFIX}a.b.c"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(NotAuthorized):
        read_token(text, "key", now=0)
