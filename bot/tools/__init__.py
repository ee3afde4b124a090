"""What the assistant may do besides talk.

For a module of tools: `tool`, `CallerFacts`, `Digits`, `DigitsWanted` and `ToolError`; `examples/order_status.py`
shows them. For the bot: `load_tools`, and the `Toolbox` that runs what was loaded.
"""

from bot.call.events import CallerFacts
from bot.call.parting import BUILT_IN, END_CALL, SEND_DIGITS, TRANSFER_CALL
from bot.tools.definition import Digits, DigitsWanted, Tool, ToolError, tool
from bot.tools.loading import load_tools
from bot.tools.running import Toolbox, ToolResult
from bot.tools.schema import ArgumentsWrong, ToolDefinition

__all__ = [
    "BUILT_IN",
    "END_CALL",
    "SEND_DIGITS",
    "TRANSFER_CALL",
    "ArgumentsWrong",
    "CallerFacts",
    "Digits",
    "DigitsWanted",
    "Tool",
    "ToolDefinition",
    "ToolError",
    "ToolResult",
    "Toolbox",
    "load_tools",
    "tool",
]
