"""All that the call machine puts out."""

from __future__ import annotations

from bot.call.commands import LegCommand, RunTool, SessionCommand
from bot.call.reports import Report

type Output = LegCommand | SessionCommand | RunTool | Report
