import threading
from itertools import pairwise

from orchestrator.turns import Turns


def test_whoever_asked_first_comes_first() -> None:
    turns = Turns()
    first, second = turns.ask(), turns.ask()
    assert turns.wait(first, 0.0)
    assert not turns.wait(second, 0.0)
    turns.leave(first)
    assert turns.wait(second, 0.0)


def test_a_ticket_given_up_in_the_middle_of_the_line_lets_the_others_pass() -> None:
    turns = Turns()
    first, second, third = turns.ask(), turns.ask(), turns.ask()
    turns.leave(second)
    turns.leave(first)
    assert turns.wait(third, 0.0)


def test_boards_of_one_machine_alternate() -> None:
    turns, order, start = Turns(), [], threading.Barrier(2)

    def board(name: str) -> None:
        start.wait()
        for _ in range(20):
            ticket = turns.ask()
            assert turns.wait(ticket, 10.0)
            order.append(name)
            threading.Event().wait(0.002)  # a job: long enough for the other board to stand in line
            turns.leave(ticket)

    threads = [threading.Thread(target=board, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    changes = sum(one != other for one, other in pairwise(order))
    assert len(order) == 40
    assert changes >= 34, order
