"""Parses `az` command lines with the real azure-cli's own parser, without signing in or running anything.

Run by the Python of `.venv/azure`. Standard input: a JSON list of argument lists. Standard output: a JSON list with
an empty string for each that was taken, or what the parser said.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import warnings
from typing import Any


class _Parsed(Exception):
    """The arguments were taken: nothing further is to happen."""


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "AZURE_CONFIG_DIR": folder,
            "AZURE_CORE_COLLECT_TELEMETRY": "no",
            "AZURE_EXTENSION_DIR": folder,
        }
        from azure.cli.core import get_default_cli  # type: ignore[import-untyped] # of another environment
        from knack.events import EVENT_INVOKER_POST_PARSE_ARGS  # type: ignore[import-not-found] # likewise

        cli = get_default_cli()

        def stop(*_: object, **__: object) -> None:
            raise _Parsed

        cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop)
        answers = []
        for line in json.load(sys.stdin):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                answers.append(_parse(cli, line, said))
    json.dump(answers, sys.stdout)


def _parse(
    cli: Any,  # noqa: ANN401 - azure-cli has no types
    line: list[str],
    said: io.StringIO,
) -> str:
    invocation = cli.invocation_cls(
        cli_ctx=cli, parser_cls=cli.parser_cls, commands_loader_cls=cli.commands_loader_cls, help_cls=cli.help_cls
    )
    cli.invocation = invocation
    try:
        invocation.execute(line)
    except _Parsed:
        return ""
    except SystemExit as ending:
        return f"exit {ending.code}: {said.getvalue()[-600:]}"
    except KeyError as missing:
        return f"no such command: {missing}"
    return "not parsed"


main()
