from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    DataChunk,
    RTCSctpCapabilities,
    RTCSctpTransport,
    crc32c,
    serialize_packet,
)
from hypothesis import given
from hypothesis import strategies as st

from meshnode.media import channels as module
from meshnode.media.channels import ChannelMessage, DataChannels, _Carrier, _run
from meshnode.media.client_transport import ClientTransport
from meshnode.media.port import MediaPort
from support.light_client import LightClient, join
from support.media import new_port, until
from support.vectors import bad_inputs


class Peer:
    """A client's SCTP on top of whatever carries its packets."""

    def __init__(self, send: Callable[[bytes], object], role: str = "client") -> None:
        self.sctp = RTCSctpTransport(_Carrier(role, send))  # type: ignore[arg-type]
        self.got: list[bytes | str] = []

    def start(self) -> None:
        _run(self.sctp.start(RTCSctpCapabilities(maxMessageSize=0), 5000))

    def receive(self, packet: bytes) -> None:
        _run(self.sctp._handle_data(packet))

    def open(self, label: str = "chat", **more: Any) -> RTCDataChannel:
        parameters = RTCDataChannelParameters(label=label, **more)
        channel = RTCDataChannel(self.sctp, parameters)
        channel.on("message", self.got.append)
        return channel


@pytest.fixture
async def joined(
    port: MediaPort,
) -> AsyncIterator[tuple[ClientTransport, LightClient, Peer]]:
    """A connected client with data channels, and its SCTP side."""
    transport, client = await join(port, accept={"data": True})
    peer = Peer(client.send_data)
    client.on_data = peer.receive
    peer.start()
    await until(lambda: peer.sctp.state == "connected")
    yield transport, client, peer
    _run(peer.sctp.stop())
    client.close()


async def test_messages_of_both_kinds_go_both_ways(joined) -> None:
    transport, _, peer = joined
    messages: list[ChannelMessage] = []
    transport.on_message(messages.append)
    channel = peer.open("chat", protocol="v1")
    await until(lambda: channel.readyState == "open")
    for data in ("text", "", b"binary", b"", "gr\u00fc\u00dfe", bytes(5000)):
        channel.send(data)
    await until(lambda: len(messages) == 6)
    assert [m.data for m in messages] == [
        "text",
        "",
        b"binary",
        b"",
        "gr\u00fc\u00dfe",
        bytes(5000),
    ]
    assert {(m.label, m.protocol, m.ordered) for m in messages} == {
        ("chat", "v1", True)
    }
    assert transport.channel_labels() == ("chat",)
    assert transport.send_message("chat", "answer")
    assert transport.send_message("chat", b"\x00\x01")
    await until(lambda: len(peer.got) == 2)
    assert peer.got == ["answer", b"\x00\x01"]


async def test_an_unordered_channel_says_so(joined) -> None:
    transport, _, peer = joined
    messages: list[ChannelMessage] = []
    transport.on_message(messages.append)
    channel = peer.open("game", ordered=False, maxRetransmits=0)
    await until(lambda: channel.readyState == "open")
    channel.send("now or never")
    await until(lambda: messages)
    assert not messages[0].ordered


async def test_a_label_nobody_opened_takes_nothing(joined) -> None:
    transport, _, peer = joined
    assert not transport.send_message("chat", "hello?")
    channel = peer.open("chat")
    await until(transport.channel_labels)
    channel.close()
    await until(lambda: not transport.channel_labels())
    assert not transport.send_message("chat", "still there?")


async def test_without_data_in_the_description_there_are_no_channels(port) -> None:
    transport, client = await join(port)
    client.send_data(b"an SCTP packet?")
    assert not transport.send_message("chat", "x")
    assert transport.channel_labels() == ()
    client.close()


async def test_too_large_a_message_is_dropped_either_way() -> None:
    port = new_port(message_bytes=1000)
    await port.open(["127.0.0.1"], 0)
    transport, client = await join(port, accept={"data": True})
    peer = Peer(client.send_data)
    client.on_data = peer.receive
    peer.start()
    channel = peer.open()
    messages: list[ChannelMessage] = []
    transport.on_message(messages.append)
    await until(lambda: channel.readyState == "open")
    channel.send(bytes(1001))
    channel.send("end")
    await until(lambda: messages)
    assert [m.data for m in messages] == ["end"]
    assert not transport.send_message("chat", "x" * 1001)
    assert transport.drops() == {"message-large": 2}
    _run(peer.sctp.stop())
    await port.close()
    client.close()


async def test_channels_are_counted(joined) -> None:
    transport, _, peer = joined
    made = [peer.open(f"c{n}") for n in range(module.CHANNELS_MAX + 3)]
    await until(lambda: sum(c.readyState == "closed" for c in made) == 3)
    assert len(transport.channel_labels()) == module.CHANNELS_MAX
    assert transport.drops() == {"channel-refused": 3}


async def test_a_client_that_leaves_mid_sentence_leaves_no_timer(joined) -> None:
    transport, client, peer = joined
    channel = peer.open()
    await until(transport.channel_labels)
    transport.send_message("chat", "are you th")
    client.close(quietly=True)
    transport.close()
    assert transport._channels is not None
    assert transport._channels._sctp._t3_handle is None
    assert not transport.send_message("chat", "?")
    assert channel


# -- hostile associations ------------------------------------------------------------


class Loop:
    """`DataChannels` and a peer with nothing in between."""

    def __init__(self) -> None:
        soon = asyncio.get_running_loop().call_soon
        self.messages: list[ChannelMessage] = []
        self.peer = Peer(lambda packet: soon(self._to_us, packet))
        self.ours = DataChannels(
            "server",
            lambda packet: soon(self._to_peer, packet),
            self.messages.append,
            65536,
        )
        self.deaf = False
        self.peer.start()
        self.ours.start()

    def _to_us(self, packet: bytes) -> None:
        self.ours.receive(packet)

    def _to_peer(self, packet: bytes) -> None:
        if not self.deaf:
            self.peer.receive(packet)

    def data(self, tsn: int, *, stream: int = 0, size: int = 1, flags: int = 2) -> None:
        """A DATA chunk, `tsn` after the last; by default a message without an end."""
        chunk = DataChunk(flags=flags)
        chunk.tsn = (self.peer.sctp._local_tsn + tsn) % 2**32
        chunk.stream_id, chunk.stream_seq, chunk.protocol = stream, 0, 51
        chunk.user_data = bytes(size)
        tag = self.peer.sctp._remote_verification_tag
        self.ours.receive(serialize_packet(5000, 5000, tag, chunk))


@pytest.fixture
async def loop() -> AsyncIterator[Loop]:
    made = Loop()
    channel = made.peer.open()
    await until(lambda: channel.readyState == "open")
    yield made
    made.ours.close()
    _run(made.peer.sctp.stop())


async def test_a_peer_that_overruns_the_window_loses_its_association(loop) -> None:
    for n in range(1500):
        loop.data(n, size=1100)
    assert not loop.ours.open
    assert loop.ours.drops["sctp-abort"] == 1


async def test_a_peer_that_leaves_holes_without_end_loses_it_too(loop) -> None:
    for n in range(module.HOLES_MAX + 2):
        loop.data(2 * n + 2, size=1)
    assert not loop.ours.open


async def test_a_peer_that_opens_streams_without_end_loses_it_too(loop) -> None:
    for n in range(5 * module.CHANNELS_MAX):
        loop.data(n, stream=n + 10)
    assert not loop.ours.open
    assert loop.ours.labels() == ()


async def test_a_peer_that_makes_aiortc_raise_is_let_go_after_a_few(loop) -> None:
    tag = loop.peer.sctp._remote_verification_tag
    head = struct.pack("!HHLL", 5000, 5000, tag, 0)
    short = head + struct.pack("!BBH", 0, 3, 5) + bytes(4)  # DATA without its fields
    packet = short[:8] + struct.pack("<L", crc32c(short)) + short[12:]
    for _ in range(module.ERRORS_MAX + 1):
        assert loop.ours.open
        loop.ours.receive(packet)
    assert not loop.ours.open
    assert loop.ours.drops["sctp-error"] == module.ERRORS_MAX + 1
    loop.ours.receive(packet)
    loop.ours.close()


async def test_a_slow_peer_fills_a_bounded_buffer(loop) -> None:
    loop.deaf = True  # nothing is acknowledged any more
    taken = 0
    while loop.ours.send("chat", bytes(60000)) and taken < 1000:
        taken += 1
    assert taken * 60000 <= module.BUFFERED_MAX_BYTES
    assert loop.ours.drops["channel-full"] == 1
    await asyncio.sleep(0)


@pytest.mark.parametrize("packet", list(bad_inputs("sctp")))
async def test_bad_packets_behind_dtls_end_at_most_the_channels(
    joined, packet: bytes
) -> None:
    transport, client, _ = joined
    client.send_data(packet)
    client.send_data(packet[12:] + packet)
    await until(lambda: transport.state.value == "connected")
    assert transport.state.value == "connected"


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_noise_never_raises(packets: list[bytes]) -> None:
    async def feed() -> None:
        ours = DataChannels("server", lambda _: None, lambda _: None, 1000)
        ours.start()
        for packet in packets:
            ours.receive(packet)
        ours.close()

    asyncio.run(feed())


async def test_a_coroutine_that_waits_is_a_changed_aiortc() -> None:
    with pytest.raises(RuntimeError, match="aiortc has changed"):
        _run(asyncio.sleep(0))
