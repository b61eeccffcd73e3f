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


def test_the_turn_of_a_lost_board_is_kept_until_its_time_is_over() -> None:
    moments = [0.0]
    turns = Turns(lambda: moments[0])
    lost, other = turns.ask(), turns.ask()
    turns.keep(lost, 30.0)
    assert not turns.wait(other, 0.0)
    moments[0] = 31.0
    assert turns.wait(other, 0.0)
    turns.leave(lost)  # it comes back too late, which harms nobody
    assert turns.wait(other, 0.0)


def test_the_turn_of_a_lost_board_ends_when_the_board_is_back() -> None:
    turns = Turns()
    lost, other = turns.ask(), turns.ask()
    turns.keep(lost, 3600.0)
    waiting = threading.Thread(target=turns.wait, args=(other, 60.0))
    waiting.start()
    turns.leave(lost)
    waiting.join(30.0)
    assert not waiting.is_alive()


def test_somebody_who_waited_already_when_a_turn_was_kept_gets_it_in_time() -> None:
    turns = Turns()
    lost, other = turns.ask(), turns.ask()
    waiting = threading.Thread(target=turns.wait, args=(other,))
    waiting.start()
    turns.keep(lost, 0.05)
    waiting.join(30.0)
    assert not waiting.is_alive()


def test_a_kept_turn_can_be_taken_up_again_and_one_that_is_over_cannot() -> None:
    moments = [0.0]
    turns = Turns(lambda: moments[0])
    lost, other = turns.ask(), turns.ask()
    turns.keep(lost, 30.0)
    assert turns.take_up(lost) is lost
    moments[0] = 31.0
    assert not turns.wait(other, 0.0)
    turns.keep(lost, 30.0)
    moments[0] = 62.0
    assert turns.wait(other, 0.0)
    assert turns.take_up(lost) is not lost
    assert turns.wait(other, 0.0)


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
