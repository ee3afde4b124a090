"""Frames cut and made here, against the library that knows all of RFC 6455."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bot.framing import Frames, masked_text_frame, text_frame

LARGEST = 70_000

bodies = st.binary(max_size=130) | st.text(max_size=60).map(str.encode) | st.just(b"x" * 300) | st.just(b"y" * 66_000)
frames = st.builds(
    Frame, st.sampled_from([Opcode.TEXT, Opcode.CONT, Opcode.BINARY]), bodies, st.booleans()
) | st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))


def wire(frame: Frame, *, mask: bool = True) -> bytes:
    return frame.serialize(mask=mask)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def pieces_of(chunks: list[bytes]) -> list[str | bytes]:
    cutter = Frames(LARGEST)
    return [piece for chunk in chunks for piece in cutter.feed(chunk)]


def is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def read(data: bytes, *, mask: bool) -> Frame:
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    parser: Generator[None, None, Frame] = Frame.parse(reader.read_exact, mask=mask)
    try:
        next(parser)
    except StopIteration as end:
        frame: Frame = end.value
        return frame
    raise AssertionError("the frame is not whole")


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 100_000), max_size=8))
def test_frames_come_out_whole_and_in_order_however_they_are_cut(sent: list[Frame], at: list[int]) -> None:
    on_the_wire = [wire(frame) for frame in sent]
    expected: list[str | bytes] = []
    within = False
    for frame, raw in zip(sent, on_the_wire, strict=True):
        if frame.opcode is Opcode.TEXT and frame.fin and not within and is_text(bytes(frame.data)):
            expected.append(bytes(frame.data).decode())
        else:
            expected.append(raw)
            # A text that is no text is the library's to refuse; whether a message goes on after it does not matter.
            if frame.opcode in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
                within = not frame.fin
    assert pieces_of(cut(b"".join(on_the_wire), at)) == expected


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_nothing_that_comes_is_lost_or_made_up(data: bytes, at: list[int]) -> None:
    cutter = Frames(LARGEST)
    out = [piece for chunk in cut(data, at) for piece in cutter.feed(chunk)]
    whole = b"".join(piece for piece in out if isinstance(piece, bytes))
    if not any(isinstance(piece, str) for piece in out):
        assert data.startswith(whole)


def test_a_text_within_a_message_in_several_frames_is_left_to_the_library() -> None:
    beginning, text = wire(Frame(Opcode.TEXT, b"a", fin=False)), wire(Frame(Opcode.TEXT, b"b"))
    assert pieces_of([beginning + text]) == [beginning, text]


@pytest.mark.parametrize(
    "last",
    [
        wire(Frame(Opcode.CLOSE, b"\x03\xe8")),
        wire(Frame(Opcode.TEXT, b"not masked"), mask=False),
        wire(Frame(Opcode.TEXT, b"x" * (LARGEST + 1))),
    ],
    ids=["close", "unmasked", "too-large"],
)
def test_after_what_ends_a_connection_everything_is_handed_on_as_it_came(last: bytes) -> None:
    text = wire(Frame(Opcode.TEXT, b"after"))
    cutter = Frames(LARGEST)
    assert cutter.feed(last + text) in ([last + text], [last, text])
    assert cutter.feed(text[:3]) == [text[:3]]


def test_a_frame_that_is_too_large_is_not_waited_for() -> None:
    announced = wire(Frame(Opcode.TEXT, b"x" * (LARGEST + 1)))[:20]
    assert Frames(LARGEST).feed(announced) == [announced]


@pytest.mark.parametrize("length", [LARGEST + 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_length_beyond_all_measure_is_the_librarys_to_refuse_and_waits_for_nothing(length: int) -> None:
    announced = b"\x81\xff" + length.to_bytes(8) + b"mask"
    assert pieces_of([announced[:7], announced[7:], b"more"]) == [announced, b"more"]


@pytest.mark.parametrize("head", [b"\x81\x00", b"\x88\x00", b"\x81\x7e", b"\x82\x7f"])
def test_that_a_frame_is_not_masked_is_seen_by_its_first_two_bytes(head: bytes) -> None:
    assert pieces_of([head[:1], head[1:], b"more"]) == [head, b"more"]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_what_is_sent_is_what_the_library_would_send(length: int) -> None:
    text = "a" * length
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
    masked = read(masked_text_frame(text.encode(), b"\x01\x02\x03\x04"), mask=True)
    assert (masked.opcode, bytes(masked.data), masked.fin) == (Opcode.TEXT, text.encode(), True)
