"""Hosts in namespaces of their own, and all of them gone at the end.

What every laboratory is made of: the packets between the hosts take another way in each
(`lab` has a wire of its own, `switch` the kernel's bridge, `support.nats` a street of
translators, `support.router` a home), so `_build` of the subclass joins them.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from support.lab import namespaces


class Hosts(ABC):
    """Namespaces `names`, which stand as long as the block is open."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.prefix = namespaces.fresh_prefix()
        self._beside: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="meshnode-lab-")

    @property
    def folder(self) -> Path:
        """Where whatever belongs to this laboratory may be written."""
        return Path(self._folder.name)

    def namespace(self, name: str) -> str:
        """The kernel's name of the host's namespace."""
        return self.prefix + name

    def run(self, name: str, *command: str) -> list[str]:
        """The argument vector that runs `command` on the host."""
        return ["ip", "netns", "exec", self.namespace(name), *command]

    def wrapper(self, name: str, program: str) -> Path:
        """An executable that runs `program` on the host, for launchers."""
        path = self.folder / f"{name}-{Path(program).name}"
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.run(name, program))} "$@"\n')
        path.chmod(0o755)
        return path

    def namespace_beside(self, name: str) -> str:
        """A further namespace, joined to nothing, that goes when the hosts go."""
        made = self.namespace(name)
        self._beside.append(made)
        namespaces.make(made)
        return made

    def __enter__(self) -> Self:
        namespaces.sweep()
        try:
            for name in self.names:
                namespaces.make(self.namespace(name))
            self._build()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tear_down()

    @abstractmethod
    def _build(self) -> None:
        """Join the hosts, which are bare."""

    def _tear_down(self) -> None:
        for namespace in [*self._beside, *map(self.namespace, self.names)]:
            namespaces.remove(namespace)
        self._folder.cleanup()
