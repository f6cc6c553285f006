"""Questions and answers belong together."""

from __future__ import annotations

from meshproto.distribution import survey
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, node, path


def answer(token: int, by: int, *, inside: bool = True) -> w.Tell:
    line = path(node(by), 0.0, (ORIGIN,))
    there = line.path if inside else ()
    return w.Tell(STREAM, token, 0.0, 1, there, line.delays if inside else (), ())


def asked() -> tuple[Bench, survey.Survey, dict[int, int]]:
    bench = Bench()
    bench.attach(node(2))
    nodes = [bench.link(node(8)), bench.link(node(9))]
    held = survey.ask(bench.brain._shared, bench.tree, nodes)
    bench.drain()
    tokens = {int(who[-1]): q.token for who, q in bench.take(w.Query)}
    return bench, held, tokens


def test_an_answer_counts_from_whom_it_was_asked_and_once() -> None:
    _, held, tokens = asked()
    assert not survey.told(held, node(9), answer(tokens[8], 8))
    assert survey.told(held, node(8), answer(tokens[8], 8))
    assert not survey.told(held, node(8), answer(tokens[8], 8))
    assert list(held.found) == [node(8)]
    assert not held.complete


def test_who_is_not_in_the_tree_answers_too() -> None:
    _, held, tokens = asked()
    survey.told(held, node(8), answer(tokens[8], 8, inside=False))
    survey.told(held, node(9), answer(tokens[9], 9))
    assert held.complete
    assert list(held.found) == [node(9)]


def test_an_answer_to_nothing_is_refused() -> None:
    bench, _, _ = asked()
    bench.hear(node(8), answer(4242, 8))
    reasons = [getattr(event, "reason", "") for event in bench.events]
    assert "tree-token" in reasons
