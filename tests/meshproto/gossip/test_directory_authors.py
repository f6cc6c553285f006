"""Who speaks how often (RFC 0009 section 5.3)."""

from __future__ import annotations

from meshproto.gossip.directory_authors import Authors
from support.gossip import node_id

A, B, C = node_id(1), node_id(2), node_id(3)


def test_a_number_that_grew_is_fresh_and_an_old_one_is_not() -> None:
    authors = Authors(10, 1.0, 10.0)
    assert authors.admit(A, 5, 0.0) is True
    assert authors.admit(A, 5, 0.0) is False
    assert authors.admit(A, 4, 0.0) is False
    assert authors.admit(A, 6, 0.0) is True


def test_numbers_are_of_each_author() -> None:
    authors = Authors(10, 1.0, 10.0)
    assert authors.admit(A, 9, 0.0) is True
    assert authors.admit(B, 1, 0.0) is True


def test_who_speaks_too_often_is_not_admitted_until_time_passed() -> None:
    authors = Authors(10, 1.0, 2.0)
    assert authors.admit(A, 1, 0.0) is True
    assert authors.admit(A, 2, 0.0) is True
    assert authors.admit(A, 3, 0.0) is None
    assert authors.admit(B, 1, 0.0) is True
    assert authors.admit(A, 4, 1.0) is True


def test_what_was_not_admitted_does_not_count_as_said() -> None:
    authors = Authors(10, 1.0, 1.0)
    authors.admit(A, 1, 0.0)
    assert authors.admit(A, 9, 0.0) is None
    assert authors.admit(A, 5, 1.0) is True


def test_the_author_that_was_silent_for_longest_is_forgotten_first() -> None:
    authors = Authors(2, 1.0, 10.0)
    authors.admit(A, 5, 0.0)
    authors.admit(B, 5, 0.0)
    authors.admit(A, 6, 0.0)
    authors.admit(C, 5, 0.0)
    assert len(authors) == 2
    assert authors.admit(A, 6, 0.0) is False  # still remembered
    assert authors.admit(B, 5, 0.0) is True
