import asyncio

from bot.call.reports import AssistantDraft, AssistantWords, CallerWords, Report, Trouble
from bot.feed import Entry, Feed


async def all_of(feed: Feed, after: int = 0) -> list[Entry]:
    return [entry async for entry in feed.follow(after)]


def feed_of(*reports: Report) -> Feed:
    feed = Feed()
    for at, report in enumerate(reports):
        feed.add(report, float(at))
    return feed


async def test_a_follower_gets_what_was_and_what_comes() -> None:
    feed = feed_of(Trouble("one"))
    following = asyncio.create_task(all_of(feed))
    await asyncio.sleep(0)
    feed.add(Trouble("two"), 1.0)
    feed.close()
    assert await following == [Entry(1, 0.0, Trouble("one")), Entry(2, 1.0, Trouble("two"))]


async def test_a_follower_who_comes_back_misses_nothing_and_gets_nothing_twice() -> None:
    feed = feed_of(Trouble("one"), Trouble("two"), Trouble("three"))
    feed.close()
    assert [entry.number for entry in await all_of(feed, after=1)] == [2, 3]
    assert await all_of(feed, after=3) == []


async def test_a_slow_follower_loses_the_oldest_and_still_sees_the_end() -> None:
    feed = feed_of(Trouble("first"))
    follow = feed.follow()
    assert (await anext(follow)).report == Trouble("first")
    for number in range(2000):
        feed.add(Trouble(str(number)), 1.0)
    feed.close()
    rest = [entry.report async for entry in follow]
    assert rest[-1] == Trouble("1999")
    assert len(rest) == 500


async def test_of_a_growing_reply_only_the_last_draft_is_kept_and_none_once_it_is_whole() -> None:
    feed = feed_of(AssistantDraft("a", "We"), AssistantDraft("a", "We are"), AssistantDraft("b", "No"))
    follow = feed.follow()
    assert [(await anext(follow)).report for _ in range(2)] == [
        AssistantDraft("a", "We are"),
        AssistantDraft("b", "No"),
    ]
    feed.add(AssistantWords("b", "No."), 4.0)
    feed.add(CallerWords("c", "Why?"), 5.0)
    feed.close()
    assert [entry.number async for entry in follow] == [4, 5]
    assert [entry.number for entry in await all_of(feed)] == [2, 4, 5]
