"""The uplink's limits, with a clock that the tests move."""

import threading
from collections import Counter

import pytest

from orchestrator.uplink import MOST_PIECE_BYTES, Bucket, Turnstile, Uplink, Wish


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def sent_in(turnstile: Turnstile, seconds: float, wishes: list[tuple[str, str | None, int]]) -> Counter[str]:
    """Bytes by sender in so many seconds, when each asks for its next piece as soon as it got one."""
    clock, sent, waiting = 0.0, Counter[str](), {}
    for sender, site, size_bytes in wishes:
        waiting[sender] = Wish(sender, site, size_bytes)
        turnstile.ask(waiting[sender])
    while clock < seconds:
        wait_s = turnstile.grant(clock)
        for sender, site, size_bytes in wishes:
            if waiting[sender].granted:
                sent[sender] += size_bytes
                waiting[sender] = Wish(sender, site, size_bytes)
                turnstile.ask(waiting[sender])
                wait_s = 0.0
        clock += max(wait_s or 0.0, 1e-6)
    return sent


def test_one_sender_gets_the_whole_limit_and_no_more() -> None:
    sent = sent_in(Turnstile(Bucket(1e6), {}), 10.0, [("kitchen", None, 16_384)])
    assert sent["kitchen"] == pytest.approx(10e6, rel=0.02)


def test_senders_share_a_limit_alike_whatever_they_ask_for() -> None:
    sent = sent_in(Turnstile(Bucket(1e6), {}), 10.0, [(f"b{n}", None, 16_384) for n in range(7)])
    assert sum(sent.values()) == pytest.approx(10e6, rel=0.03)
    assert max(sent.values()) - min(sent.values()) <= 16_384


def test_a_narrow_site_leaves_the_rest_to_the_others() -> None:
    turnstile = Turnstile(Bucket(1e6), {"roof": Bucket(1e5)})
    sent = sent_in(turnstile, 10.0, [("roof-1", "roof", 10_000), ("roof-2", "roof", 10_000), ("desk", None, 10_000)])
    assert sent["roof-1"] + sent["roof-2"] == pytest.approx(1e6, rel=0.05)
    assert sent["desk"] == pytest.approx(9e6, rel=0.05)
    assert abs(sent["roof-1"] - sent["roof-2"]) <= 10_000


def test_a_sender_with_many_lanes_has_one_turn_like_the_others() -> None:
    turnstile, granted = Turnstile(Bucket(1e3), {}), []
    wishes = [Wish("greedy", None, 1000) for _ in range(5)] + [Wish("modest", None, 1000)]
    for wish in wishes:
        turnstile.ask(wish)
    for second in range(1, 5):
        turnstile.grant(second * 1.2)
        granted.append([wish.sender for wish in wishes if wish.granted])
    assert granted[1].count("modest") == 1


def test_a_piece_larger_than_the_bucket_is_paid_for_afterwards() -> None:
    turnstile, first, second = Turnstile(Bucket(1000.0), {}), Wish("a", None, 5000), Wish("a", None, 1)
    turnstile.ask(first)
    turnstile.ask(second)
    assert turnstile.grant(0.0) == pytest.approx(4.9, abs=0.01)
    assert first.granted
    assert not second.granted
    turnstile.grant(4.8)
    assert not second.granted
    turnstile.grant(4.95)
    assert second.granted


def test_a_clock_that_stood_for_long_gives_no_flood() -> None:
    bucket = Bucket(1000.0)
    bucket.fill(0.0)
    bucket.fill(3600.0)
    assert bucket.level_bytes == 100.0


def test_nobody_waits_for_nothing() -> None:
    assert Turnstile(Bucket(1.0), {}).grant(0.0) is None
    uplink = Uplink()
    uplink.take("kitchen", "roof", 10**9, lambda: None)
    assert uplink.limit_bytes_s("roof") is None
    assert uplink.piece_bytes("roof") == MOST_PIECE_BYTES


def test_the_narrowest_limit_counts_and_makes_the_pieces_small() -> None:
    uplink = Uplink(12.5e6, {"roof": 2.5e6})
    assert uplink.limit_bytes_s("roof") == 2.5e6
    assert uplink.limit_bytes_s("cellar") == uplink.limit_bytes_s(None) == 12.5e6
    assert uplink.piece_bytes("roof") == 125_000
    assert Uplink(1000.0).piece_bytes(None) == 16_384


def test_who_gives_up_waiting_leaves_no_place_behind() -> None:
    clock = Clock()
    uplink = Uplink(1000.0, clock=clock)
    uplink.take("first", None, 50_000, lambda: None)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        uplink.take("second", None, 1, stop)
    clock.now_s += 60
    uplink.take("third", None, 1, lambda: None)


def test_threads_that_wait_are_all_served() -> None:
    uplink, done = Uplink(4e6), Counter[int]()

    def send(number: int) -> None:
        for _ in range(5):
            uplink.take(number, None, 20_000, lambda: None)
            done[number] += 1

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == Counter(dict.fromkeys(range(6), 5))
