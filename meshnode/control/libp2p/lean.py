"""py-libp2p's packages without all that they import, for exactly the version pinned.

`import libp2p` brings QUIC, WebSocket, Kademlia, bitswap, mDNS and two HTTP clients:
955 modules and 47 MB, of which Noise, Yamux and multistream-select use a third.  So two
of its packages are entered with their own code not run yet.  It runs as soon as
somebody wants a name of theirs, so that whoever uses py-libp2p in the same process has
all of it, as ever.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

READ_VERSION = "0.8.1"
"""Whose packages were read for this; any other is imported as it comes."""

PACKAGES = ("libp2p", "libp2p.transport")
FIRST = "libp2p.abc"
"""The module to begin with: the others import each other in circles."""

_TOLD = ("__all__", "__version__")


class _Package(ModuleType):
    """A package whose `__init__` waits for the first name that is asked for."""

    def __init__(self, name: str, spec: ModuleSpec) -> None:
        super().__init__(name)
        self.__spec__ = spec
        self.__loader__ = spec.loader
        self.__file__ = spec.origin
        self.__package__ = name
        self.__path__ = list(spec.submodule_search_locations or ())

    def __getattr__(self, name: str) -> object:
        # why not for all: the import system asks for names that no package has
        if name.startswith("__") and name not in _TOLD:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(self)
        return getattr(self, name)


def enter() -> None:
    """Make the import of parts of py-libp2p cheap, unless it is imported already."""
    found = importlib.metadata.version("libp2p")
    if PACKAGES[0] in sys.modules or found != READ_VERSION:
        return
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            return
        sys.modules[name] = _Package(name, spec)
    importlib.import_module(FIRST)
