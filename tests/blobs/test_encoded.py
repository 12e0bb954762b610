"""Base64 as it comes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.blobs.encoded import decode_base64
from orchestrator.blobs.media import Flaw, NotMedia

CONTENT = bytes(range(256)) + b"\xfb\xff"
TEXT = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.encode(),
        TEXT.rstrip("="),
        base64.urlsafe_b64encode(CONTENT).decode(),
        base64.urlsafe_b64encode(CONTENT).decode().rstrip("="),
        base64.encodebytes(CONTENT).decode(),
        base64.encodebytes(CONTENT).decode().replace("\n", "\r\n"),
        f"  {TEXT}\n",
        f"data:image/png;base64,{TEXT}",
        f"DATA:image/png;charset=utf-8;BASE64,{TEXT}".replace("+", "-"),
        f"data:;base64,{TEXT}".encode(),
    ],
    ids=range(11),
)
def test_every_way_of_writing_it_gives_the_bytes(text: str | bytes) -> None:
    assert decode_base64(text) == CONTENT


@pytest.mark.parametrize(
    "text",
    ["no base64!", "a", "abcde", "ab*d", "äbcd", "data:image/png,abcd", "data:image/png;base64", "<html></html>"],
)
def test_rubbish_is_corrupt(text: str) -> None:
    with pytest.raises(NotMedia, match="not base64") as refusal:
        decode_base64(text)

    assert refusal.value.reason is Flaw.CORRUPT


def test_nothing_is_nothing() -> None:
    assert decode_base64("") == b""


@given(st.binary())
def test_what_was_encoded_is_decoded(content: bytes) -> None:
    assert decode_base64(base64.b64encode(content)) == content
    assert decode_base64(base64.urlsafe_b64encode(content).rstrip(b"=")) == content


@given(st.text() | st.binary())
def test_no_input_fails_in_another_way(text: str | bytes) -> None:
    try:
        content = decode_base64(text)
    except NotMedia:
        return
    assert isinstance(content, bytes)
