"""A gateway's HTTP, played by a server of ours on loopback: habits, bounds, traps."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.requester import ANSWER_OCTETS_MAX
from meshnode.control.mapping.upnp import Upnp
from meshnode.control.mapping.values import Grant, Refusal, Wish
from meshproto.wire.portmap.natpmp import Protocol

LOOPBACK = Gateway("127.0.0.1", "127.0.0.1")
WISH = Wish(Protocol.UDP, 5000, 5000)
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
_DEVICE = """<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major>
<minor>0</minor></specVersion><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<friendlyName>r</friendlyName><manufacturer>m</manufacturer><modelName>n</modelName>
<UDN>uuid:1</UDN><serviceList><service><serviceType>{kind}</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>{about}</SCPDURL><controlURL>{control}</controlURL>
<eventSubURL>/e</eventSubURL></service></serviceList></device></root>"""


def _argument(name: str, direction: str, of: str) -> str:
    return (
        f"<argument><name>{name}</name><direction>{direction}</direction>"
        f"<relatedStateVariable>{of}</relatedStateVariable></argument>"
    )


_ADD = [
    ("NewRemoteHost", "text"),
    ("NewExternalPort", "port"),
    ("NewProtocol", "text"),
    ("NewInternalPort", "port"),
    ("NewInternalClient", "text"),
    ("NewEnabled", "flag"),
    ("NewPortMappingDescription", "text"),
    ("NewLeaseDuration", "time"),
]
_TYPES = {"text": "string", "port": "ui2", "flag": "boolean", "time": "ui4"}


def _action(name: str, arguments: str) -> str:
    return (
        f"<action><name>{name}</name><argumentList>{arguments}</argumentList></action>"
    )


_ABOUT = (
    '<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0">'
    "<specVersion><major>1</major><minor>0</minor></specVersion><actionList>"
    + _action("AddPortMapping", "".join(_argument(n, "in", t) for n, t in _ADD))
    + _action("DeletePortMapping", "".join(_argument(n, "in", t) for n, t in _ADD[:3]))
    + _action("GetExternalIPAddress", _argument("NewExternalIPAddress", "out", "text"))
    + "</actionList><serviceStateTable>"
    + "".join(
        f'<stateVariable sendEvents="no"><name>{name}</name>'
        f"<dataType>{kind}</dataType></stateVariable>"
        for name, kind in _TYPES.items()
    )
    + "</serviceStateTable></scpd>"
)
_FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
    "<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
    '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
    "</UPnPError></detail></s:Fault></s:Body></s:Envelope>"
)
_DONE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<u:{name}Response xmlns:u="' + SERVICE + '">{body}</u:{name}Response>'
    "</s:Body></s:Envelope>"
)


class Home:
    """What the gateway says; `calls` are (action, outside port, lease)."""

    def __init__(self) -> None:
        self.device = _DEVICE.format(kind=SERVICE, about="/a.xml", control="/c")
        self.outside = "11.77.0.1"
        self.taken: set[int] = set()
        self.only_permanent = False
        self.calls: list[tuple[str, int, int]] = []

    async def describe(self, request: web.Request) -> web.Response:
        return web.Response(text=self.device, content_type="text/xml")

    async def about(self, request: web.Request) -> web.Response:
        return web.Response(text=_ABOUT, content_type="text/xml")

    async def control(self, request: web.Request) -> web.Response:
        body = await request.text()
        name = request.headers["SOAPAction"].strip('"').partition("#")[2]
        if name == "GetExternalIPAddress":
            return self._done(
                name, f"<NewExternalIPAddress>{self.outside}</NewExternalIPAddress>"
            )
        port, lease = (
            int(found[1]) if (found := re.search(rf"<{field}>(\d+)<", body)) else -1
            for field in ("NewExternalPort", "NewLeaseDuration")
        )
        self.calls.append((name, port, lease))
        if name == "AddPortMapping" and port in self.taken:
            return web.Response(status=500, text=_FAULT.format(code=718))
        if self.only_permanent and lease > 0:
            return web.Response(status=500, text=_FAULT.format(code=725))
        return self._done(name, "")

    def _done(self, name: str, body: str) -> web.Response:
        return web.Response(text=_DONE.format(name=name, body=body))


@contextlib.asynccontextmanager
async def home() -> AsyncIterator[tuple[Home, Upnp]]:
    made, app = Home(), web.Application()
    app.add_routes(
        [
            web.get("/d.xml", made.describe),
            web.get("/a.xml", made.about),
            web.post("/c", made.control),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        upnp = Upnp(LOOPBACK)
        upnp._location = f"http://127.0.0.1:{port}/d.xml"  # what a search finds
        yield made, upnp
    finally:
        await runner.cleanup()


async def test_a_mapping_is_made_and_deleted() -> None:
    async with home() as (router, upnp):
        grant = await upnp.grant(WISH)
        assert grant == Grant(WISH, ("11.77.0.1", 5000), 1200)
        await upnp.release(grant)
        assert router.calls == [
            ("AddPortMapping", 5000, 1200),
            ("DeletePortMapping", 5000, -1),
        ]


async def test_a_router_that_knows_only_mappings_without_end() -> None:
    async with home() as (router, upnp):
        router.only_permanent = True
        assert isinstance(await upnp.grant(WISH), Grant)
        assert isinstance(await upnp.grant(WISH), Grant)
        assert [lease for _, _, lease in router.calls] == [1200, 0, 0]


async def test_a_number_that_another_machine_has_is_not_taken_from_it() -> None:
    async with home() as (router, upnp):
        router.taken = {5000, 5001}
        grant = await upnp.grant(WISH)
        assert isinstance(grant, Grant)
        assert grant.outside == ("11.77.0.1", 5002)
        router.taken = set(range(5000, 5010))
        refusal = await upnp.grant(WISH)
        assert isinstance(refusal, Refusal)
        assert "taken" in refusal.why


@pytest.mark.parametrize("where", ["about", "control"])
async def test_a_description_that_leads_elsewhere_is_not_followed(where: str) -> None:
    async with home() as (router, upnp):
        places = {"about": "/a.xml", "control": "/c"}
        places[where] = "http://192.0.2.66/trap"
        router.device = _DEVICE.format(kind=SERVICE, **places)
        assert isinstance(await upnp.grant(WISH), Refusal)
        assert router.calls == []


@pytest.mark.parametrize(
    "device",
    [
        "",
        "<root",
        "a" * (ANSWER_OCTETS_MAX + 1),
        '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><root>&b;</root>',
        "<root xmlns='urn:schemas-upnp-org:device-1-0'/>",
    ],
)
async def test_a_description_that_is_none_is_a_refusal(device: str) -> None:
    async with home() as (router, upnp):
        router.device = device
        assert isinstance(await upnp.grant(WISH), Refusal)


async def test_too_many_services_are_too_many() -> None:
    async with home() as (router, upnp):
        one = re.search(r"<service>.*</service>", router.device, re.DOTALL)
        assert one is not None
        many = "".join(
            one[0].replace("WANIPConn1", f"x{n}").replace("WANIPC", f"X{n}")
            for n in range(100)
        )
        router.device = router.device.replace(one[0], many)
        refusal = await upnp.grant(WISH)
        assert refusal == Refusal(
            "the router refuses by UPnP: it has too many services"
        )


@pytest.mark.parametrize("address", ["", "localhost", "::1"])
async def test_an_outside_address_that_is_none_is_a_refusal(address: str) -> None:
    async with home() as (router, upnp):
        router.outside = address
        assert isinstance(await upnp.grant(WISH), Refusal)
        assert router.calls == []


async def test_nobody_there_is_a_refusal() -> None:
    upnp = Upnp(LOOPBACK)
    upnp._location = "http://127.0.0.1:9/d.xml"
    assert isinstance(await upnp.grant(WISH), Refusal)
    assert upnp._location is None
