"""Who answers a call: what a persona is, and the file that an operator writes them in."""

from bot.persona.persona import DigitRules, LogRules, McpServer, Persona, TransferTarget
from bot.persona.personas import Personas
from bot.persona.sentences import Sentences

__all__ = ["DigitRules", "LogRules", "McpServer", "Persona", "Personas", "Sentences", "TransferTarget"]
