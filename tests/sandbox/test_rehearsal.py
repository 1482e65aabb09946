"""The rehearsal asks what the host asks: a request that no longer fits would warm up nothing but its own error."""

import linecache
import sys

from autograder.sandbox import rehearsal


def test_every_request_but_the_last_is_answered(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # put back afterwards
    monkeypatch.setattr(sys, "argv", sys.argv)
    *answers, missing = rehearsal.answer_all()
    assert [answer for answer in answers if "result" not in answer] == []
    _, cell, finish, _, _, uses, fit, net, batches, items = (answer["result"] for answer in answers)
    assert cell == uses == []  # it ran without a failure, and without what was watched
    assert {"double", "fit", "batches"} <= set(finish)
    assert (fit["h"][1], batches["h"][2]) == ("Sequential", True)
    assert (net, items) == ({"t": 0}, [{"t": 0}, {"t": 1}])
    assert missing["failure"][0] == "NameError"


def test_nothing_of_it_is_left():
    before = sys.argv, sys.modules["__main__"], dict(linecache.cache)
    rehearsal.rehearse()
    assert (sys.argv, sys.modules["__main__"], dict(linecache.cache)) == before
