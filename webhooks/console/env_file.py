"""Settings put into `.env`, everything else in it left as it stands."""

from __future__ import annotations

import io
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from webhooks.console.errors import ConsoleError
from webhooks.console.files import write_private

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+-]*")
_COMMENT = re.compile(r"""=[^'"\r\n]*?(\s+#[^\r\n]*)\s*$""")  # behind a value without quotes


class EnvFile:
    """A file as `python-dotenv` reads it, such as `.env` of the working folder."""

    def __init__(self, path: Path = Path(".env")) -> None:
        self.path = path

    def check(self) -> None:
        """Raises ConsoleError where `put` would fail: before something is made whose secret is shown only once."""
        self._read()
        try:
            with tempfile.TemporaryFile(dir=self.path.resolve().parent):
                pass
        except OSError as error:
            raise self._unusable(f"cannot be written ({error.strerror})") from None

    def put(self, values: Mapping[str, str]) -> None:
        """Set variables, in one step or not at all; mode 0600 afterwards. Raises ConsoleError.

        A variable that is there is changed where it stands, each time that it stands there; others come at the end.
        """
        if not all(_PLAIN.fullmatch(value) for value in values.values()):
            raise ValueError("a value that would need quotes")
        text = with_values(self._read(), values)
        try:
            write_private(self.path, text.encode())
        except OSError as error:
            raise self._unusable(f"cannot be written ({error.strerror})") from None

    def _read(self) -> str:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise self._unusable("is not a file of its own")
            with self.path.open(encoding="utf-8", newline="") as file:
                return file.read()
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError:
            raise self._unusable("is not a text file in UTF-8") from None
        except OSError as error:
            raise self._unusable(f"cannot be read ({error.strerror})") from None

    def _unusable(self, why: str) -> ConsoleError:
        return ConsoleError(f"{self.path} {why}. Put that right, and run the same command again.")


def with_values(text: str, values: Mapping[str, str]) -> str:
    """`text` of such a file with these variables set."""
    newline = "\r\n" if "\r\n" in text else "\n"
    missing = dict(values)
    parts = ["\ufeff"] if text.startswith("\ufeff") else []
    for binding in parse_stream(io.StringIO(text, newline="")):
        original = binding.original.string
        if binding.key is not None and binding.key in values:
            missing.pop(binding.key, None)
            lead = original[: len(original) - len(original.lstrip())]
            export = "export " if re.match(r"\s*export\s", original) else ""
            comment = _COMMENT.search(original)
            end = newline if original.endswith(("\n", "\r")) else ""
            parts.append(f"{lead}{export}{binding.key}={values[binding.key]}{comment[1] if comment else ''}{end}")
        else:
            parts.append(original)
    changed = "".join(parts)
    if missing and changed and not changed.endswith(("\n", "\r")):
        changed += newline
    return changed + "".join(f"{name}={value}{newline}" for name, value in missing.items())
