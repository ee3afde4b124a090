"""What a value in the personas' file may be.

Each check says what the value should be and never repeats it: the message ends up in a log, and the value may be a
number or a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from bot.loopback import is_loopback
from bot.persona.template import TemplateError, parse

_NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)  # E.164; seven digits, as in bot.settings
_SIP_USER = r"[^\s@<>\":;,]{1,128}"
_SIP_NAME = re.compile(rf"{_SIP_USER}(@[A-Za-z0-9.-]{{1,253}})?")
_SIP_ADDRESS = re.compile(rf"sips?:{_SIP_USER}@[A-Za-z0-9.\-\[\]:]{{1,253}}(;[^\s<>\"]{{1,100}})?")
_CLIENT_NAME = re.compile(r"[^\s:]{1,128}")
# A key of ours, also the name of a tool towards the model, which takes these and no more.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,127}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)  # RFC 9110, section 5.6.2
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)


def _of_form(form: re.Pattern[str], should_be: str) -> AfterValidator:
    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"should be {should_be}")
        return value

    return AfterValidator(check)


def _words(value: str) -> str:
    if not value.strip():
        raise ValueError("should not be empty; remove it for the default")
    return value.strip()


def _template(value: str) -> str:
    try:
        parse(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None
    return value.strip()


def _diallable(value: str) -> str:
    name = value.removeprefix("client:")
    if _NUMBER.fullmatch(value) or _SIP_ADDRESS.fullmatch(value):
        return value
    if name != value and _CLIENT_NAME.fullmatch(name):
        return value
    raise ValueError("should be a number such as +14255550100, sip:USER@HOST or client:NAME")


def _languages(value: str) -> str:
    if value and not all(_TAG.fullmatch(tag) for tag in value.split(",")):
        raise ValueError("should be a language such as en-US, or several with commas between, or empty: detected")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # KeyError: ZoneInfoNotFoundError; OSError: a folder such as `Europe`
        near = nearest(value, available_timezones())
        raise ValueError(f"should be a time zone such as Europe/Berlin{near}") from None
    return value


def _server(value: str) -> str:
    should_be = "should be an address such as https://tools.example.com/mcp (http:// is taken on loopback only)"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        raise ValueError(should_be) from None
    host = parts.hostname or ""
    if not host or parts.scheme not in ("http", "https") or (parts.scheme == "http" and not is_loopback(host)):
        raise ValueError(should_be)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should hold no user, query or fragment; secrets go by `headers`")
    return value


def _approval(value: object) -> object:
    """Say all three forms at once, where a union would complain about each of them."""
    if value in ("always", "never"):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError('should be "always", "never", or a list of the names of the tools that are approved')


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where one of the `known` names is near, or nothing."""
    folded = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1)
    return f"; did you mean {folded[found[0]]}?" if found else ""


type Flag = StrictBool
type Number = Annotated[str, _of_form(_NUMBER, "a number such as +14255550100")]
type SipName = Annotated[str, _of_form(_SIP_NAME, "a SIP user, or USER@HOST, without sip: before it")]
type ClientName = Annotated[str, _of_form(_CLIENT_NAME, "a client's name, without client: before it")]
type Name = Annotated[str, _of_form(_NAME, "a name of letters, digits, - and _ that begins with a letter")]
type ModuleName = Annotated[str, _of_form(_MODULE, "the name of a Python module, such as my_tools.orders")]
type VariableName = Annotated[
    str, _of_form(_VARIABLE, "the name of an environment variable, in capitals; a secret never stands in the file")
]
type HeaderName = Annotated[str, _of_form(_HEADER, "the name of an HTTP header")]
type LanguageTag = Annotated[str, _of_form(_TAG, "a language such as en-US")]
type Languages = Annotated[str, AfterValidator(_languages)]
type Words = Annotated[str, AfterValidator(_words)]
type Sentence = Annotated[str, Field(max_length=500), AfterValidator(_words)]
type InstructionTemplate = Annotated[str, Field(max_length=50_000), AfterValidator(_words), AfterValidator(_template)]
type SpokenTemplate = Annotated[str, Field(max_length=2_000), AfterValidator(_template)]
type Diallable = Annotated[str, AfterValidator(_diallable)]
type ZoneName = Annotated[str, AfterValidator(_zone)]
type ServerAddress = Annotated[str, AfterValidator(_server)]
type Approval = Annotated[Literal["always", "never"] | tuple[str, ...], BeforeValidator(_approval)]
