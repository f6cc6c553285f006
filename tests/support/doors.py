"""What tests of the doors have in common: a session opened, a problem read."""

from __future__ import annotations

import json
from typing import Any

from support.offers import play_offer, publish_offer

DOORS = ("whip", "whep")


async def opened(client: Any, door: str, sdp: str = "") -> Any:
    """A session through `door`; the stream is published first where it must be."""
    if door == "whip":
        return await client.publish(sdp or publish_offer())
    assert (await client.publish(publish_offer())).status == 201
    return await client.play(sdp or play_offer())


async def problem(answer: Any, status: int) -> dict[str, Any]:
    """The refusal's document, checked for what every one of them has."""
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    document = json.loads(await answer.text())
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document
