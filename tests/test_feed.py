import asyncio

from bot.call.reports import Report, Trouble
from bot.feed import Feed


async def all_of(feed: Feed) -> list[tuple[float, Report]]:
    return [entry async for entry in feed.follow()]


async def test_a_follower_gets_what_was_and_what_comes() -> None:
    feed = Feed()
    feed.add(Trouble("one"), 0.0)
    following = asyncio.create_task(all_of(feed))
    await asyncio.sleep(0)
    feed.add(Trouble("two"), 1.0)
    feed.close()
    assert await following == [(0.0, Trouble("one")), (1.0, Trouble("two"))]


async def test_a_slow_follower_loses_the_oldest_and_still_sees_the_end() -> None:
    feed = Feed()
    follow = feed.follow()
    feed.add(Trouble("first"), 0.0)
    assert await anext(follow) == (0.0, Trouble("first"))
    for number in range(2000):
        feed.add(Trouble(str(number)), 1.0)
    feed.close()
    rest = [report async for _, report in follow]
    assert rest[-1] == Trouble("1999")
    assert len(rest) == 500


async def test_a_follower_who_leaves_is_forgotten() -> None:
    feed = Feed()
    feed.add(Trouble("one"), 0.0)
    follow = feed.follow()
    await anext(follow)
    await follow.aclose()
    assert not feed._followers
