"""The `voicebot` command.

It lives here and not in `bot` because it starts the web application, and `bot` knows nothing of the web.
"""

from __future__ import annotations

import asyncio
import sys
from typing import NoReturn

import click

from bot import garbage
from bot.errors import EngineError, SettingsError
from bot.load.command import load
from bot.persona.command import persona
from bot.settings import Settings, load_settings
from bot.simulator.command import call
from webhooks.console.command import twilio_command
from webhooks.dial import dial_command
from webhooks.doctor.command import doctor
from webhooks.serve import listen, log_to_stderr, new_loop, serve
from webhooks.workers.supervisor import WorkerFailed, supervise


@click.group()
@click.version_option(package_name="voicelive-phone")
def main() -> None:
    """A phone number that talks: answer calls, and place test calls."""


@main.command("serve")
@click.option("--host", help="Address to listen on; overrides HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; overrides PORT.")
def serve_command(host: str | None, port: int | None) -> None:
    """Answer calls until stopped. Ctrl-C lets live calls end; a second one ends now."""
    given = {"host": host, "port": port}
    try:
        settings = load_settings({name: value for name, value in given.items() if value is not None})
        if settings.workers > 1 and sys.platform == "win32":
            raise SettingsError(["WORKERS should be 1 on Windows, which cannot hand connections to another process"])
        log_to_stderr(settings)
        listener = listen(settings)
    except SettingsError as error:
        _refuse(error.problems)
    with listener:
        port = listener.getsockname()[1]
        try:
            answer = serve if settings.workers == 1 else supervise
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(answer(settings, listener, when_open=lambda: _open(settings, port)))
        except* SettingsError as group:
            _refuse([problem for error in group.exceptions for problem in getattr(error, "problems", [str(error)])])
        except* (EngineError, WorkerFailed) as group:
            _refuse([str(error) for error in group.exceptions])


main.add_command(call)
main.add_command(load)
main.add_command(persona)
main.add_command(dial_command)
main.add_command(doctor)
main.add_command(twilio_command)


def _refuse(problems: list[str]) -> NoReturn:
    for problem in problems:
        click.echo(f"voicebot: {problem}", err=True)
    sys.exit(2)


def _open(settings: Settings, port: int) -> None:
    garbage.settle()
    _greet(settings, port)


def _greet(settings: Settings, port: int) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if settings.embedded:
        click.echo(f"voicebot answers on {url} by its embedded engine.")
        click.echo("Open that address in a browser and press Call; or have a caller simulated, in another shell:")
        click.echo(f'  {sys.argv[0]} call --url {url} --say "What are your opening hours?"')
    else:
        click.echo(
            f"voicebot answers on {url} by {settings.voice_live_model} at {settings.azure_voice_live_endpoint}"
        )
    if settings.public_url:
        click.echo(f"Point the number's voice webhook at {settings.public_url}/voice")
