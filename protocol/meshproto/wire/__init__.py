"""Bytes to values and back: stateless, total, bounded.

Every decoder returns a value or raises `DecodeError`, nothing else, in time linear in
its input; every encoder's output is accepted by its decoder.
"""
