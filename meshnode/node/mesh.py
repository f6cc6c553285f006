"""`MeshNode`: a node as an object, for the command line and for other programs.

    async with MeshNode(Settings(port=0, http="127.0.0.1:0")) as node:
        print(node.urls["page"])
        async for event in node.events():
            print(event)

It runs in the loop of whoever enters it, installs no signal handler and keeps nothing
global, so several nodes live in one process.  Everything it starts belongs to one task
group: a part that fails ends the node, and the error comes out of the `async with`.

Leaving the block closes at once.  `drain` before that is the polite way: no new
sessions, viewers are told to reconnect, publishers get a clean close, and it is done
within ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

from aiohttp import web

import meshnode
from meshnode.config import Settings
from meshnode.control.mapping.keeper import Keeper
from meshnode.control.mesh import Control
from meshnode.media.plane import Address, MediaPlane, PlaneEvent
from meshnode.node import mapping, meshing
from meshnode.node import parts as assembly
from meshnode.node.guarded import DENIED
from meshnode.node.http import Http
from meshnode.node.inside import Inside
from meshnode.node.local import LocalPublisher, LocalSubscriber, LocalTrack
from meshnode.node.measure import Measure
from meshnode.node.parts import Parts
from meshnode.node.planes import make_plane
from meshnode.node.pulse import Pulse
from meshnode.node.recorder import LocalRecording
from meshnode.node.relaying import Relaying
from meshnode.node.report import stream_status
from meshnode.node.room_recorder import RoomRecording
from meshnode.node.volunteer import Volunteer
from meshnode.observe.health import Phase
from meshnode.observe.status import NodeStatus, StreamStatus
from meshnode.observe.trace import Trace
from meshnode.signalling.broadcast import Reader
from meshnode.signalling.happenings import Draining, Happening
from meshnode.signalling.members import Publisher, SessionEvent, Viewer
from meshproto.errors import MeshError, StateError
from meshproto.forwarding.events import LayersWanted
from meshproto.forwarding.relay_table import PlaneNotice
from meshproto.ice.events import MappedSeen, Probed
from meshproto.ids import StreamId, StreamName

TICK_S = 1.0
DRAIN_VIEWERS_S = 4.0
"""How long viewers may take to follow a `reconnect` before they are hung up."""
DRAIN_POLL_S = 0.05


class MeshNode:
    """One node.  `listen` False opens the media port only, for programs that serve the
    doors themselves (`add_routes`).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        plane: MediaPlane | None = None,
        logger: logging.Logger | None = None,
        listen: bool = True,
    ) -> None:
        self.settings = settings or Settings()
        self._plane = plane
        self._logger = logger
        self._listen = listen
        self._parts_or_none: Parts | None = None
        self._http: Http | None = None
        self._control: Control | None = None
        self._relaying: Relaying | None = None
        self._mapping: Keeper | None = None
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []
        self._draining: asyncio.Task[None] | None = None
        self._recordings: WeakSet[LocalRecording | RoomRecording] = WeakSet()
        self._began_s = 0.0

    # -- life --------------------------------------------------------------------------

    async def __aenter__(self) -> MeshNode:
        plane = self._plane or make_plane(self.settings)
        parts = assembly.build(self.settings, plane, self._announce, self._logger)
        self._parts_or_none = parts
        self._measure = Measure(parts)
        volunteer = Volunteer(self.settings, parts.streams, parts.log, parts.clock)
        self._volunteer = parts.streams.gate = volunteer
        async with contextlib.AsyncExitStack() as undo:
            await self._open_port(parts)
            undo.push_async_callback(parts.port.close)
            if self.settings.meshed:
                self._relaying = Relaying(parts, parts.port.plane.program)
                self._control = meshing.build(parts, self._relaying, volunteer)
                volunteer.find = self._control.report.named
                parts.elsewhere = parts.rooms.elsewhere = self._relaying
                parts.rooms.tokens = meshing.tokens(self._control)
                parts.onward = meshing.onward(
                    parts, self._control, volunteer, lambda: self.urls
                )
                parts.list.elsewhere = self._control.faraway
                parts.port.on_event(self._heard)
            self._http = Http(self, parts)
            if self._control is not None:
                undo.push_async_callback(self._control.close)
                await self._control.start()
                self._control.judge(self._carries)
            if self._listen:
                undo.push_async_callback(self._http.close)
                await self._http.open()
            undo.pop_all()
        if self.settings.map_port:
            self._mapping = mapping.build(parts, self._control)
        if self._mapping is not None:
            self._mapping.start()
        await self._tasks.__aenter__()
        parts.port.on_event(self._heard)
        self._began_s = parts.clock()
        self._running.append(self._tasks.create_task(self._keep_house(parts)))
        parts.health.enter(Phase.READY)
        return self

    async def _open_port(self, parts: Parts) -> None:
        settings = self.settings
        try:
            bound = await parts.port.open(settings.hosts, settings.port)
        except OSError as error:
            raise StateError(
                f"--port {settings.port} cannot be used ({error.strerror or error}); "
                "choose another one, or --port 0 for any free one"
            ) from error
        parts.advertiser.bound = bound

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        parts = self._parts
        parts.health.enter(Phase.STOPPED)
        for recording in tuple(self._recordings):
            with contextlib.suppress(MeshError):
                await recording.close()
        parts.rooms.close()
        self._hang_up("the node stopped")
        parts.happenings.close()
        parts.list.close()
        if self._http is not None:
            await self._http.close()
        if self._mapping is not None:
            await self._mapping.close()
        if self._control is not None:
            await self._control.close()
        await parts.port.close()
        self._volunteer.close()
        for task in self._running:
            task.cancel()
        # An embedder's own error goes on as itself; the group must only see a
        # cancellation, which may be how it told us that one of our tasks failed.
        if isinstance(error, asyncio.CancelledError):
            await self._tasks.__aexit__(kind, error, trace)
        else:
            await self._tasks.__aexit__(None, None, None)

    @property
    def _parts(self) -> Parts:
        if self._parts_or_none is None:
            raise StateError("this node is not running: use it in 'async with'")
        return self._parts_or_none

    async def _keep_house(self, parts: Parts) -> None:
        """Once a second: let time pass for everything that waits for it."""
        pulse = Pulse(asyncio.get_running_loop().time)
        while True:
            await asyncio.sleep(TICK_S)
            self._lend(parts, *pulse.beat(TICK_S))
            self._measure.tick()
            parts.calls.handle_timeout()
            parts.rooms.tick()
            if self._relaying is not None:
                self._relaying.tick()
            if self._http is not None:
                self._http.shed(parts.clock())

    def _lend(self, parts: Parts, lag_s: float, cpu: float) -> None:
        """Once a second: how much left, and whether others should ask for less."""
        volunteer, was_used_up = self._volunteer, self._volunteer.month.used_up
        moved = volunteer.tick(*parts.port.plane.sent(), lag_s, cpu)
        if moved and self._control is not None:
            self._control.able()
        if volunteer.month.used_up != was_used_up:
            self._obey()

    def reload_lists(self) -> None:
        """Read `allow` and `deny` again; with a mistake the old ones stay."""
        if self._volunteer.reload():
            self._obey()

    def _obey(self) -> None:
        """End what is not allowed any more: streams, links, copies, viewers."""
        volunteer, control = self._volunteer, self._control
        for stream in self._parts.streams:
            known = volunteer.find(stream.name)
            if not volunteer.lists.carries(stream.name, known):
                self._parts.streams.end(stream.name, "not carried here any more")
        if control is not None:
            control.judge(self._carries)
            peers = control.report.neighbours()
            control.part([n for n in peers if not volunteer.links(n)], DENIED)
        if volunteer.month.used_up:
            for viewer in self._viewers():
                viewer.feeds.publish(self._reconnect(viewer))
                viewer.hang_up("the upload of the month is used up")

    def _carries(self, stream: StreamId) -> bool:
        name = "" if self._control is None else self._control.report.name(stream)
        return self._volunteer.carries(stream, name)

    # -- looking -----------------------------------------------------------------------

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The media addresses that are advertised, best first."""
        return self._parts.advertiser(False)

    @property
    def urls(self) -> Mapping[str, str]:
        """Keys page, whip and whep (append the stream's name), local (the page as this
        machine reaches it), and admin.
        """
        if self._http is None:
            raise StateError("this node is not running: use it in 'async with'")
        return self._http.urls()

    def streams(self) -> tuple[StreamStatus, ...]:
        """The streams known here, those that linger included."""
        now = self._parts.clock()
        return tuple(stream_status(stream, now) for stream in self._parts.streams)

    def status(self) -> NodeStatus:
        """Everything there is to say; no secret, no whole address of a client."""
        parts = self._parts
        figures = self._measure.figures(self._http)
        mesh = None if self._control is None else self._control.status()
        return NodeStatus(
            version=meshnode.__version__,
            state=parts.health.phase.value,
            uptime_s=round(parts.clock() - self._began_s, 1),
            plane=figures.plane,
            addresses=tuple(map(_text, self.addresses)),
            urls=self.urls,
            limits=self.settings.limits.model_dump(),
            streams=self.streams(),
            counters=figures.counters,
            gauges=figures.gauges,
            latency=figures.latency,
            mesh=mesh,
            volunteer=self._volunteer.status(mesh),
        )

    async def trace(self, stream: str) -> Trace | None:
        """The way of a stream of the mesh to this node; None where nobody has it.

        Far hops are asked for their names, which takes a round trip to the origin the
        first time, and `control.naming.NAMES_S` at most.
        """
        return None if self._control is None else await self._control.trace(stream)

    def events(self) -> Reader[Happening]:
        """What happens from now on, to be read by `async for` until the node stops.

        A reader that does not keep up loses the oldest events and counts them
        (`missed`).
        """
        return self._parts.happenings.reader()

    # -- media in process --------------------------------------------------------------

    def publish(
        self,
        stream: str,
        tracks: Sequence[LocalTrack],
        *,
        owner: str = "local",
        secret: bytes | None = None,
    ) -> LocalPublisher:
        """Publish a stream from this process.

        In a mesh `secret` (32 octets) claims the name: whoever has it may publish the
        same stream at another node.  None: this node's own key does.
        Raises `MeshError` while somebody else publishes it, or where a table is full.
        """
        return Inside(self._parts).publish(stream, tracks, owner, secret)

    def subscribe(self, stream: str) -> LocalSubscriber:
        """The stream's RTP packets.  Raises `MeshError` while nobody publishes it."""
        return Inside(self._parts).subscribe(stream)

    def record(
        self, stream: str, path: str | Path, *, patience_s: float | None = None
    ) -> LocalRecording:
        """Record a stream into `path` (.webm, .mkv or .mp4), as it was encoded.

        Waits while nobody publishes it, for `patience_s` or for ever, and goes on when
        a publisher comes back.  Raises `StateError` for a name we cannot write.
        """

        async def subscribed() -> LocalSubscriber:
            await self.bring(stream)
            return self.subscribe(stream)

        recording = LocalRecording(Path(path), subscribed, patience_s)
        self._recordings.add(recording)
        return recording

    def record_room(self, room: str, folder: str | Path) -> RoomRecording:
        """Record everybody in a room of the mesh, each into a file of its own.

        Goes on until it is closed; `folder` is made.  Raises `StateError` where it
        cannot be.
        """
        parts = self._parts

        async def subscribed(name: StreamName) -> LocalSubscriber:
            await self.bring(name)
            return self.subscribe(name)

        recording = RoomRecording(
            Path(folder), lambda: parts.rooms.get(room), subscribed
        )
        self._recordings.add(recording)
        return recording

    async def bring(self, stream: str) -> None:
        """Have a stream of the mesh here, so that `subscribe` finds it.

        Returns at once for a stream that is here or that nobody has; raises `MeshError`
        where it does not come within three seconds.
        """
        if self._relaying is not None:
            await self._relaying.bring(stream)

    # -- serving -----------------------------------------------------------------------

    def add_routes(
        self, app: web.Application, prefix: str = "", *, names: Iterable[str] = ()
    ) -> None:
        """Serve the page, the doors and the list below `prefix` of another program.

        `names` are the host names by which that program is reached, besides loopback
        ones; requests under any other are refused (DNS rebinding).
        """
        if self._http is None:
            raise StateError("this node is not running: use it in 'async with'")
        self._http.add_routes(app, prefix, names)

    # -- commands ----------------------------------------------------------------------

    def end_stream(self, name: str) -> bool:
        """End a stream, publisher and viewers; False when there is none."""
        return self._parts.streams.end(name, "ended by the operator")

    def start_draining(self) -> None:
        """Begin to drain; `drain` waits for it."""
        if self._draining is None:
            self._draining = self._tasks.create_task(self._drain())
            self._running.append(self._draining)

    async def drain(self) -> None:
        """Move viewers away and end publishers; returns when nobody is left."""
        self.start_draining()
        if self._draining is not None:
            await asyncio.shield(self._draining)

    async def _drain(self) -> None:
        parts = self._parts
        parts.health.enter(Phase.DRAINING)
        self._announce(Draining())
        viewers = self._viewers()
        for viewer in viewers:
            viewer.feeds.publish(self._reconnect(viewer))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_VIEWERS_S):
                while any(len(v.feeds) for v in viewers):  # noqa: ASYNC110
                    await asyncio.sleep(DRAIN_POLL_S)
        if self._control is not None:
            await self._control.leave()
        self._hang_up("the node drains")

    def _viewers(self) -> list[Viewer]:
        return [m for m in self._parts.streams.directory if isinstance(m, Viewer)]

    def _reconnect(self, viewer: Viewer) -> SessionEvent:
        """Where the viewer may go on: another node, or here, later."""
        onward = self._parts.onward
        url = onward and onward.url(viewer.stream, viewer.address)
        return SessionEvent("reconnect", {"url": url} if url else {})

    def _hang_up(self, reason: str) -> None:
        members = list(self._parts.streams.directory)
        for member in sorted(members, key=lambda m: isinstance(m, Publisher)):
            member.hang_up(reason)

    # -- hearing -----------------------------------------------------------------------

    def _announce(self, happening: Happening) -> None:
        parts = self._parts
        parts.happenings.publish(happening)
        parts.list.changed()
        fields = asdict(happening)
        name = type(happening).__name__
        self._measure.events[name] += 1
        parts.log.emit(name, **fields)
        parts.rooms.happened(happening)
        if self._relaying is not None:
            self._relaying.happened(happening)

    def _heard(self, event: PlaneEvent) -> None:
        control = self._control
        if control is None:
            self._measure.heard(event)
        elif isinstance(event, PlaneNotice):
            control.noticed(event)
        elif isinstance(event, Probed):
            control.probed(event.token, event.rtt_s)
        elif isinstance(event, MappedSeen):
            control.mapped(event.address, event.by)
        elif isinstance(event, LayersWanted) and self._relaying is not None:
            self._relaying.wanted(event.producer, event.rids)
        else:
            self._measure.heard(event)


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
