"""The personas' file while the bot runs: read at the start, and again when it has changed, for new calls only."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from stat import S_ISREG
from zoneinfo import ZoneInfo

from bot.call.events import CallerFacts
from bot.errors import SettingsError
from bot.persona.matching import choose
from bot.persona.persona import Persona
from bot.persona.reading import BadPersonas, Compatible, PersonaFile, as_they_are, read
from bot.persona.template import Moment
from bot.settings import Settings

log = logging.getLogger(__name__)

LONGEST_FILE = 128 * 1024  # bytes; it is read between two frames of other calls

type _Version = tuple[int, int, int]  # of a file: when it was changed (ns), its size (bytes), its inode


class Personas:
    """Who answers which call.

    path: the file, or None for one persona made of the settings. wall_clock: seconds since 1970, for date and time in
    templates. environ: where the secrets are that the file names. compatible: see `reading.Compatible`. Raises
    SettingsError where the file cannot be used at the start; one that breaks later keeps the last good personas.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Settings,
        *,
        wall_clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        compatible: Compatible = as_they_are,
    ) -> None:
        self._path = path
        self._settings = settings
        self._wall_clock = wall_clock
        self._environ = environ
        self._compatible = compatible
        self._version: _Version | None = None
        self._file = PersonaFile((Persona.of(settings),))
        self.problem = ""
        """What is wrong with the file as it is now, a line for each problem; empty while nothing is."""
        if path is not None:
            self._read(path)
            if self.problem:
                raise SettingsError(self.problem.split("\n"))

    @property
    def all(self) -> tuple[Persona, ...]:
        """Every persona, with its templates."""
        return self._file.personas

    @property
    def modules(self) -> tuple[str, ...]:
        """The Python modules with tools that the file names."""
        return self._file.modules

    def for_call(self, facts: CallerFacts) -> Persona:
        """Who answers this call, with templates rendered for it. Looks whether the file has changed."""
        self._look()
        return self._rendered(choose(self._file.personas, facts), facts)

    def named(self, name: str, facts: CallerFacts) -> Persona | None:
        """The persona of that name for a call that the bot places; None where there is none."""
        self._look()
        found = next((persona for persona in self._file.personas if persona.name == name), None)
        return self._rendered(found, facts) if found is not None else None

    def _rendered(self, persona: Persona, facts: CallerFacts) -> Persona:
        moment = Moment(facts, datetime.fromtimestamp(self._wall_clock(), _zone(persona.zone)))
        return replace(
            persona,
            instructions=moment.instruct(persona.instructions),
            greeting=moment.speak(persona.greeting),
            voicemail=moment.speak(persona.voicemail),
        )

    def _look(self) -> None:
        """Read the file again where it has changed; where it is broken, go on as before, and say once why."""
        if self._path is None:
            return
        before = self.problem
        if not self._read(self._path):
            return
        if self.problem and self.problem != before:
            log.error("the last good personas stay, because\n%s", self.problem)
        elif not self.problem:
            log.info("%s was read again: %s", self._path, ", ".join(persona.name for persona in self.all))

    def _read(self, path: Path) -> bool:
        """Read the file where it is not the one that was read last; False where it is."""
        version: _Version | None = None
        try:
            # Asked before it is read: a change while it is read is seen at the next call.
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if version == self._version:
                return False
            if not S_ISREG(status.st_mode) or status.st_size > LONGEST_FILE:
                self.problem = f"{path}: should be a file of at most {LONGEST_FILE // 1024} KiB"
            else:
                text = path.read_text(encoding="utf-8-sig")
                self._file = read(text, self._settings, self._environ, self._compatible)
                self.problem = ""
        except OSError as error:
            version = None  # to be tried again, though it may come back as it was
            self.problem = f"{path}: cannot be read: {error.strerror or type(error).__name__}"
        except UnicodeDecodeError:
            self.problem = f"{path}: should be a text file in UTF-8"
        except BadPersonas as bad:
            self.problem = "\n".join(problem.in_words(str(path)) for problem in bad.problems)
        self._version = version
        return True


def _zone(name: str) -> tzinfo:
    """A zone that was checked when the file was read. UTC needs no data of the system."""
    return UTC if name == "UTC" else ZoneInfo(name)
