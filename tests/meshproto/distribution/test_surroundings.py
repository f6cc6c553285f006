"""The bench of the tests is what the machine expects of a node."""

from __future__ import annotations

import inspect

from meshproto.distribution import Surroundings
from support.tree_bench import Bench
from support.tree_net import Host


def test_bench_and_net_answer_every_question() -> None:
    questions = {
        name: inspect.signature(verb)
        for name, verb in vars(Surroundings).items()
        if inspect.isfunction(verb) and not name.startswith("_")
    }
    assert len(questions) == 13
    for answerer in (Bench, Host):
        for name, asked in questions.items():
            answered = inspect.signature(getattr(answerer, name))
            assert len(answered.parameters) == len(asked.parameters), name
