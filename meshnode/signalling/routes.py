"""Where everything is: the table of paths, and the application around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from meshnode.signalling.dialects import monoport, polling, tutorial
from meshnode.signalling.dialects.common import Sockets
from meshnode.signalling.dialects.peer_to_peer import PeerToPeer
from meshnode.signalling.doorway import Doorway, Endpoint
from meshnode.signalling.endpoints import House, WhepEndpoint, WhipEndpoint
from meshnode.signalling.entrance import Entries
from meshnode.signalling.extensions import Extensions, Slots
from meshnode.signalling.lists import StreamList
from meshnode.signalling.lobby import Lobby
from meshnode.signalling.page import Page, web_files
from meshnode.signalling.problems import Refused
from meshnode.signalling.resource import FRAGMENT, SDP, SessionResource
from meshnode.signalling.sessions import Door
from meshnode.signalling.trust import Caller
from meshproto.wire.sdp.model import SdpLimits

Table = Mapping[str, Endpoint]
"""Path to endpoint."""


@dataclass(frozen=True, slots=True)
class Front:
    """What the public listener serves."""

    house: House
    slots: Slots
    streams: StreamList
    sdp_limits: SdpLimits


def doors(front: Front) -> Table:
    """WHIP, WHEP and their resources, by path."""
    house, door = front.house, front.house.doorway.door
    whip = SessionResource(Door.WHIP, house.calls, front.sdp_limits)
    whep = SessionResource(Door.WHEP, house.calls, front.sdp_limits)
    extensions = Extensions(whep, house.calls, front.slots)
    session = "/whep/{stream}/{session}"
    return {
        "/whip/{stream}": door(WhipEndpoint(house).methods(), accept_post=SDP),
        "/whip/{stream}/{session}": door(whip.methods(), accept_patch=FRAGMENT),
        "/whep/{stream}": door(WhepEndpoint(house).methods(), accept_post=SDP),
        session: door(whep.methods(), accept_patch=FRAGMENT),
        f"{session}/events": door(extensions.events()),
        f"{session}/events/{{subscription}}": door(extensions.subscription()),
        f"{session}/layer": door(extensions.layer()),
    }


def lists(front: Front) -> Table:
    """What the page asks, by path."""
    own, house = front.house.doorway.own, front.house
    entries = Entries(house.find_onward)
    return {
        "/api/entries": house.doorway.door(entries.methods()),
        "/api/streams": own(front.streams.methods()),
        "/api/events": own(front.streams.events()),
    }


def polled(house: House, lobby: Lobby) -> Table:
    """The HTTP-polling dialect, which lives among the doors."""
    return polling.Polling(house, lobby).endpoints()


def dialect(name: str, house: House, lobby: Lobby) -> Table:
    """What the listener of a dialect serves; names are those of `--dialects`."""
    match name:
        case "monoport":
            return monoport.Monoport(house, lobby).endpoints()
        case "tutorial":
            return tutorial.Tutorial(house, lobby).endpoints()
        case "tutorial-p2p":
            sockets = Sockets(house, lobby.rooms.limits.members_per_room)
            return PeerToPeer(house, sockets).endpoints()
    raise ValueError(name)


def page(doorway: Doorway) -> Table:
    """The page's files, by path; those that show the mesh are not among them."""
    files = web_files()
    public = {n: p for n, p in files.items() if not _of_mesh(n)}
    return _files(doorway, {**public, "room/{room}": files["room/index.html"]})


def mesh_page(doorway: Doorway) -> Table:
    """The page that shows the mesh, for the admin listener."""
    files = web_files()
    shared = {n: p for n, p in files.items() if not n.endswith(".html") and n}
    return _files(doorway, {**shared, "": files["mesh/index.html"]})


def _of_mesh(name: str) -> bool:
    return name.startswith("mesh/")


def _files(doorway: Doorway, files: Mapping[str, Path]) -> Table:
    return {
        f"/{name}": doorway.own({"GET": Page(path).get, "HEAD": Page(path).get})
        for name, path in files.items()
    }


def defined(endpoints: Table, prefix: str = "") -> Iterator[web.RouteDef]:
    """The endpoints as routes below `prefix`; each decides about methods itself."""
    for path, endpoint in endpoints.items():
        yield web.route("*", f"{prefix}{path}", endpoint)


def application(doorway: Doorway, *tables: Table) -> web.Application:
    """An application of these endpoints that answers everything else with 404."""
    app = web.Application()
    for table in tables:
        app.add_routes(defined(table))
    methods = dict.fromkeys(("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"), _nowhere)
    app.router.add_route("*", "/{path:.*}", doorway.own(methods))
    return app


async def _nowhere(_request: web.Request, _: Caller) -> web.StreamResponse:
    raise Refused(404, "there is nothing at this path")
