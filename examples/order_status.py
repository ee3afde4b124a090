"""Two tools for a shop's phone bot, as an example to copy.

Put the file beside your voicebot.toml, and say in it:

    modules = ["order_status"]     # the file's name without .py, or "shop.order_status" for shop/order_status.py

    [personas.shop]
    tools = ["order_status", "cancel_order", "end_call"]

`modules` loads the code when the bot starts; a persona offers only the tools that it names.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.tools import CallerFacts, Digits, DigitsWanted, ToolError, tool


@dataclass
class Order:
    """An order. What a tool returns may be text, or anything that JSON can hold; a dataclass becomes an object."""

    state: str
    arrives: str


_ORDERS = {"4711": Order("on its way", "tomorrow"), "4712": Order("being packed", "on Friday")}
_PINS = {"4711": "2580", "4712": "1470"}


# The first paragraph of the docstring tells the model when to use the tool, so write it for the model. The type hints
# become the JSON schema; what is said under Args explains each parameter. (`Annotated[str, "..."]` does that, too.)
#
# `facts` is filled in by the bot, because of its type; the model neither sees nor chooses it. Everything in it came
# from outside: a caller's number can be faked, so it is no proof of who is calling.
#
# An async function runs in the bot's own event loop, and must not block it. It is cancelled when the call ends.
@tool
async def order_status(number: str, facts: CallerFacts) -> Order:
    """Look up where an order is. Use it when the caller asks for an order, and ask for its number first.

    Args:
        number: The order number, digits only.
    """
    await asyncio.sleep(0)  # here you would ask your database; facts.caller is the number that calls
    order = _ORDERS.get(number)
    if order is None:
        # A ToolError is for the model, word for word. Of any other exception it learns only that the tool failed.
        raise ToolError("there is no order with this number; ask the caller to check it")
    return order


# A plain function runs in a thread, so it may block. `seconds` is its own time limit. The thread of a function that
# takes longer cannot be stopped, so give your database and HTTP calls time-outs of their own.
#
# With `digits` the bot collects four keys from the caller before it runs the tool, and gives them to the parameter of
# type Digits. secret: they are in no log, and the model does not get to see them.
@tool(seconds=5, digits=DigitsWanted(length=4, secret=True))
def cancel_order(number: str, pin: Digits) -> str:
    """Cancel an order. Use it when the caller wants that, and say that the PIN has to be pressed on the keypad.

    Args:
        number: The order number, digits only.
    """
    if _PINS.get(number) != pin:
        raise ToolError("number and PIN do not belong together")
    return f"Order {number} is cancelled."
