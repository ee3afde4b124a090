"""The example module does what it says."""

from __future__ import annotations

from pathlib import Path

from bot.tools import CallerFacts, Toolbox, load_tools


def box() -> Toolbox:
    return Toolbox(load_tools(["examples.order_status"], Path()), watch=lambda *_: None, clock=lambda: 0.0)


def test_the_example_tells_the_model_what_it_needs() -> None:
    status, cancel = box().definitions(["order_status", "cancel_order"], {})
    assert status.description.startswith("Look up where an order is.")
    number = {"type": "string", "description": "The order number, digits only."}
    for definition in (status, cancel):
        assert definition.parameters["properties"] == {"number": number}
        assert definition.parameters["required"] == ["number"]


async def test_the_example_can_be_called() -> None:
    tools, facts, offered = box(), CallerFacts("CA1"), ("order_status", "cancel_order")
    found = await tools.run("order_status", '{"number": "4711"}', facts, offered=offered)
    assert found.text == '{"state":"on its way","arrives":"tomorrow"}'
    missing = await tools.run("order_status", '{"number": "1"}', facts, offered=offered)
    assert missing.text == "Error: there is no order with this number; ask the caller to check it."
    cancelled = await tools.run("cancel_order", '{"number": "4711"}', facts, offered=offered, digits="2580")
    assert cancelled.text == "Order 4711 is cancelled."
    refused = await tools.run("cancel_order", '{"number": "4711"}', facts, offered=offered, digits="0000")
    assert refused.failed
