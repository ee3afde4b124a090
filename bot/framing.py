"""Where WebSocket frames begin and end (RFC 6455, section 5.2), for the one kind that comes fifty times a second.

Nearly all that a media stream sends is a short text in one masked frame. That is read here in a few steps, and every
other frame goes, whole, to the library that knows all the rules (websockets). No I/O: bytes in, texts and frames out.
"""

from __future__ import annotations

try:  # as websockets itself does: the fast one exists where there is a wheel
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover
    from websockets.utils import apply_mask

_WHOLE_TEXT = 0x81  # a text, all in this frame, no extension
_LAST, _OPCODE = 0x80, 0x0F
_BINARY, _CLOSE = 0x2, 0x8
_MASKED, _LENGTH = 0x80, 0x7F
_MASK_BYTES = 4


class Frames:
    """Cuts what a client sends into frames.

    largest: bytes that one frame may hold. From the first frame on that is larger, or not masked, or that closes,
    everything is handed on as it came: what follows is the library's to refuse.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._held = b""  # the beginning of a frame
        self._within_message = False  # a message in several frames has begun
        self._handing_on = False

    def feed(self, data: bytes) -> list[str | bytes]:
        """Take what came: each text that is whole, and the bytes of all other frames, in order."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[str | bytes] = []
        start = 0
        while not self._handing_on and (frame := self._whole_frame(data, start)) is not None:
            body, after = frame
            pieces.append(self._piece(data, start, body, after))
            start = after
        if not self._handing_on:
            self._held = data[start:]
        elif start < len(data):
            pieces.append(data[start:])
        return pieces

    def hand_on(self) -> None:
        """Cut nothing any more: hand on everything as it comes."""
        self._handing_on = True

    def _whole_frame(self, data: bytes, start: int) -> tuple[int, int] | None:
        """Where the frame's body begins and ends; None where not all of it has come, or it is not for us to cut."""
        if len(data) - start < 2:
            return None
        if not (second := data[start + 1]) & _MASKED:
            self._handing_on = True
            return None
        length, at = second & _LENGTH, start + 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[at : at + size]), at + size
        body = at + _MASK_BYTES
        if body > len(data):
            return None
        if length > self._largest:
            self._handing_on = True
            return None
        after = body + length
        return (body, after) if after <= len(data) else None

    def _piece(self, data: bytes, start: int, body: int, after: int) -> str | bytes:
        first = data[start]
        if first == _WHOLE_TEXT and not self._within_message:
            try:
                return apply_mask(data[body:after], data[body - _MASK_BYTES : body]).decode()
            except UnicodeDecodeError:
                return data[start:after]  # closing for that is the library's affair
        opcode = first & _OPCODE
        if opcode == _CLOSE:
            self._handing_on = True
        elif opcode <= _BINARY:
            self._within_message = not first & _LAST
        return data[start:after]


def text_frame(text: str) -> bytes:
    """The frame by which a server sends a text."""
    body = text.encode()
    return _head(len(body), 0) + body


def masked_text_frame(body: bytes, mask: bytes) -> bytes:
    """The frame by which a client sends a text. body: UTF-8; mask: four bytes that nobody can foretell."""
    return _head(len(body), _MASKED) + mask + apply_mask(body, mask)


def _head(length: int, masked: int) -> bytes:
    if length < 126:
        return bytes((_WHOLE_TEXT, masked | length))
    if length < 65_536:
        return bytes((_WHOLE_TEXT, masked | 126, length >> 8, length & 0xFF))
    return bytes((_WHOLE_TEXT, masked | 127)) + length.to_bytes(8)
