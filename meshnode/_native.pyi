"""The extension in Rust, as the runtime uses it.

The other modules of it are for the tests that compare them with `meshproto`; they are
reached by their names and not described here.
"""

from types import ModuleType
from typing import Any, final

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.relay_table import PlaneDelta
from meshproto.ice.path import IceConfig
from meshproto.ids import ProducerId

__all__ = [
    "Copies",
    "Engine",
    "Heard",
    "INTERFACE",
    "Links",
    "Sinks",
    "__version__",
    "congestion",
    "descriptor",
    "forwarding",
    "ice",
    "srtp",
    "stun",
    "wire",
]

__version__: str
INTERFACE: int

congestion: ModuleType
descriptor: ModuleType
forwarding: ModuleType
ice: ModuleType
srtp: ModuleType
stun: ModuleType
wire: ModuleType

@final
class Engine:
    """The packet path of one plane; see `meshnode.media.native`."""

    def __new__(
        cls,
        config: ForwardingConfig,
        ice: IceConfig,
        *,
        stun_rate_per_s: float,
        stun_burst: int,
        uplink_bps: float,
        delays_s: dict[str, float],
        ntp_offset_s: float,
    ) -> Engine: ...
    def open(self, hosts: list[str], port: int) -> list[tuple[str, int]]:
        """Bind and start; `OSError` when a port is taken."""

    def close(self) -> None:
        """Stop the worker and release the port."""

    def bell(self) -> int:
        """A descriptor that is readable while events wait."""

    def take(self) -> list[tuple[str, tuple[Any, ...]]]:
        """The events that wait: kind, and what it tells."""

    def add_transport(
        self,
        transport: int,
        kind: str,
        known_by: tuple[str, str, str],
        start_bitrate_bps: int,
    ) -> None: ...
    def restart_transport(
        self, transport: int, known_by: tuple[str, str, str]
    ) -> None: ...
    def set_keys(
        self,
        transport: int,
        profile: str,
        sending: tuple[bytes, bytes],
        receiving: tuple[bytes, bytes],
    ) -> None: ...
    def dtls_authentic(self, transport: int) -> None: ...
    def send_dtls(self, transport: int, datagrams: list[bytes]) -> None: ...
    def close_transport(self, transport: int) -> None: ...
    def program(self, change: PlaneDelta) -> None:
        """Raises `StateError` or `LimitError`."""

    def inject(self, transport: int, packets: list[bytes]) -> None: ...
    def stream_history(self, stream: bytes) -> tuple[int, int] | None: ...
    def stats(self) -> dict[str, object]: ...
    def sent(self) -> tuple[int, int]: ...
    def producer_stats(self) -> dict[ProducerId, dict[str, object]]: ...
    def audio_levels(
        self, since: dict[ProducerId, int]
    ) -> dict[ProducerId, tuple[int, tuple[int, ...]]]: ...
    def panic(self, at: str = "order") -> None:
        """Let the worker fail once, the next time that it is at a place (see
        `engine/faults.rs`): for the tests that it goes on.
        """

@final
class Heard:
    """When an address last sent anything authentic: both sides note it."""

    def __new__(cls, now: float) -> Heard: ...
    def at(self) -> float: ...
    def note(self, now: float) -> None:
        """A sign of life; an earlier one than known changes nothing."""

@final
class Links:
    """What the agent of links tells an engine; see `meshnode.media.native_links`."""

    def __new__(cls, engine: Engine) -> Links: ...
    def add(self, transport: int, node: bytes, ufrag: str) -> None:
        """Raises `StateError` or `LimitError`."""

    def remove(self, transport: int) -> None: ...
    def claim(
        self,
        at: tuple[str, int],
        transport: int,
        token: int,
        hold_s: float,
        heard: Heard,
    ) -> None: ...
    def release(self, at: tuple[str, int], token: int) -> None: ...
    def use_path(
        self, transport: int, socket: int, local: bytes, at: tuple[str, int]
    ) -> None: ...
    def mute(self, transport: int) -> None:
        """Send nothing to the neighbour until `use_path`."""

    def send(
        self, socket: int, local: bytes, at: tuple[str, int], datagram: bytes
    ) -> None: ...
    def measured(self, transport: int, rtt_s: float | None) -> None: ...
    def catch_up(self) -> None:
        """Read what waits in the sockets, and tell it."""

@final
class Copies:
    """A socket that copies what it gets to everybody: what the benchmark compares."""

    port: int

    def __new__(cls, host: str) -> Copies: ...
    def run(self, viewers: list[tuple[str, int]], how: str) -> int:
        """Until `stop`: how many datagrams left (`how` gso, sendmmsg or sendto), or
        were only encrypted (seal).
        """

    def stop(self) -> None: ...

@final
class Sinks:
    """Counts packets of a payload type at the caller's sockets, by descriptors."""

    def __new__(cls, sockets: list[int], payload_type: int) -> Sinks: ...
    def run(self) -> None:
        """Until `stop`."""

    def counts(self) -> list[int]: ...
    def stop(self) -> None: ...
