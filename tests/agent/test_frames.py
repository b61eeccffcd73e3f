"""The pipe that a pushed file comes through."""

import fcntl
import os
import socket

import pytest

from agent import frames

KIB, MIB = 1 << 10, 1 << 20


def size_of(pipe: int) -> int:
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def test_a_pipe_is_widened() -> None:
    source, sink = os.pipe()
    frames.widen(source)
    assert size_of(source) == size_of(sink) == MIB
    os.close(source)
    os.close(sink)


def test_it_is_widened_as_far_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    source, sink = os.pipe()
    set_size = fcntl.fcntl

    def strict(descriptor: int, command: int, size_bytes: int) -> int:
        if size_bytes > 256 * KIB:
            raise PermissionError
        return set_size(descriptor, command, size_bytes)

    monkeypatch.setattr(frames.fcntl, "fcntl", strict)
    frames.widen(source)
    monkeypatch.undo()
    assert size_of(source) == 256 * KIB
    os.close(source)
    os.close(sink)


def test_what_is_no_pipe_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frames.widen(ours.fileno())
        theirs.sendall(b"all")
        assert ours.recv(3) == b"all"
