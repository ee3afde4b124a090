"""`python -m webhooks.workers NUMBER OF NEWS DOOR [ENDPOINT]`: a worker, as the supervisor starts it.

NEWS, DOOR: descriptors of our ends of two pairs of sockets; ENDPOINT: of the embedded engine.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence

from bot.errors import SettingsError
from bot.settings import load_settings
from webhooks.serve import log_to_stderr, new_loop
from webhooks.workers.news import Pair
from webhooks.workers.worker import work


def main(arguments: Sequence[str]) -> int:
    """Work until the end; returns the exit code."""
    number, of, news, door = (int(argument) for argument in arguments[:4])
    endpoint = arguments[4] if len(arguments) > 4 else ""
    pair = Pair(socket.socket(fileno=news), socket.socket(fileno=door))
    for end in (pair.news, pair.door):
        end.setblocking(False)
        end.set_inheritable(False)
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.writelines(f"voicebot: {problem}\n" for problem in error.problems)
        return 2
    log_to_stderr(settings, f"w{number}")
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work(settings, number, of, pair, endpoint))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
