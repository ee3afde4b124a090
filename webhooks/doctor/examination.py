"""All groups, side by side where they do not disturb one another, told in order, each within its time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from bot.plan import Planner
from bot.settings import Settings, environment
from webhooks.doctor import address, call, clock, local_server, machine, settings_checks, twilio_account, voice_live
from webhooks.doctor.findings import Finding, Group, HeardFrom, Notes, Status, Verdict, verdict
from webhooks.doctor.local_server import Answers, LocalServer
from webhooks.doctor.report import Redactor
from webhooks.doctor.surroundings import Surroundings, in_thread

# Seconds for a group, for whatever its own limits forget.
_LIMITS = {
    Group.SETTINGS: 30.0,
    Group.MACHINE: 10.0,
    Group.SERVER: 15.0,
    Group.VOICE_LIVE: 120.0,
    Group.TWILIO: 30.0,
    Group.ADDRESS: 60.0,
    Group.CLOCK: 5.0,
    Group.CALL: 150.0,
}


@dataclass
class Examined:
    """Everything that was found. heard: who was heard in the call."""

    findings: list[Finding] = field(default_factory=list)
    heard: HeardFrom = HeardFrom.NOBODY

    @property
    def verdict(self) -> Verdict:
        """Whether a call would work."""
        return verdict(self.findings, self.heard)


class Examination:
    """One examination. wanted: the groups that are looked at; tell: is given each finding, in order."""

    def __init__(self, around: Surroundings, wanted: Collection[Group], tell: Callable[[Finding], object]) -> None:
        self._around = around
        self._wanted = wanted
        self._tell = tell
        self._redactor = Redactor()
        self._result = Examined()

    async def run(self) -> Examined:
        """Look at everything that is wanted."""
        read = await self._settings()
        if read is None:
            if Group.MACHINE in self._wanted:
                await self._told(Group.MACHINE, self._machine(None))
            return self._result
        settings, planner = read
        around, local = self._around, LocalServer(local_server.url_of(settings), Answers.NOBODY)
        # Also where it is not told: the call is placed where a bot answers.
        needs_server = bool({Group.SERVER, Group.CALL} & set(self._wanted))

        async def server(notes: Notes) -> None:
            nonlocal local
            local = await local_server.examine(settings, notes)

        async def speak(notes: Notes) -> None:
            self._result.heard = await call.examine(settings, local, around, notes)

        async def tell_clock(notes: Notes) -> None:
            clock.examine(around.dates.seen, notes)

        side_by_side: dict[Group, Callable[[Notes], Awaitable[None]]] = {
            Group.MACHINE: self._machine(settings),
            Group.SERVER: server,
            Group.VOICE_LIVE: lambda notes: voice_live.examine(settings, planner, around, notes),
            Group.TWILIO: lambda notes: twilio_account.examine(settings, around, notes),
            Group.ADDRESS: lambda notes: address.examine(settings, around, notes),
        }
        async with asyncio.TaskGroup() as tasks:
            running = {
                group: tasks.create_task(_within(group, work))
                for group, work in side_by_side.items()
                if group in self._wanted or (group is Group.SERVER and needs_server)
            }
            for group, task in running.items():
                notes = await task
                if group in self._wanted:
                    self._say(notes)
        # Afterwards: it asks for the dates of the others.
        if Group.CLOCK in self._wanted:
            await self._told(Group.CLOCK, tell_clock)
        # And last, with the machine to itself, because its times count.
        if Group.CALL in self._wanted:
            await self._told(Group.CALL, speak)
        return self._result

    async def _settings(self) -> tuple[Settings, Planner] | None:
        """Always read, whether wanted or not: nothing can be looked at without. What is wrong is told anyway."""
        read: list[tuple[Settings, Planner] | None] = [None]

        async def look(notes: Notes) -> None:
            read[0] = await in_thread(lambda: settings_checks.examine(self._around.env_file, dict(os.environ), notes))

        notes = await _within(Group.SETTINGS, look)
        if Group.SETTINGS not in self._wanted:
            notes.found = [found for found in notes.found if found.status is Status.FAIL]
        if read[0] is not None:
            self._redactor = Redactor.of(read[0][0], environment(self._around.env_file))
        self._say(notes)
        return read[0]

    def _machine(self, settings: Settings | None) -> Callable[[Notes], Awaitable[None]]:
        async def look(notes: Notes) -> None:
            machine.examine(settings, notes)

        return look

    async def _told(self, group: Group, work: Callable[[Notes], Awaitable[None]]) -> None:
        self._say(await _within(group, work))

    def _say(self, notes: Notes) -> None:
        for found in map(self._redactor.clean, notes.found):
            self._result.findings.append(found)
            self._tell(found)


async def _within(group: Group, work: Callable[[Notes], Awaitable[None]]) -> Notes:
    """Do it, and say so where it took too long; what was found until then stays."""
    notes, limit = Notes(group), _LIMITS[group]
    try:
        async with asyncio.timeout(limit):
            await work(notes)
    except TimeoutError:
        notes.fail(
            "time", f"this was not finished within {limit:g} s", f"Try `voicebot doctor --only {group}` again."
        )
    except Exception as error:  # noqa: BLE001 - told in a line, so that the other groups are told too
        notes.fail(
            "trouble",
            f"this broke off ({type(error).__name__}), which is a fault of the doctor's own",
            "Report it with the lines above, please. The other groups were looked at all the same.",
        )
    return notes
