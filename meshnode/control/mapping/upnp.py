"""Mappings by UPnP (Internet Gateway Device), through async-upnp-client.

The gateway's description is searched once (`discovery`) and kept.  Two habits of real
routers are met: those that know only mappings without end (error 725) are asked for
one, and renewing it then checks that it is still there; where the number is taken by
another machine (718), one of the next numbers is tried.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import replace

from async_upnp_client.client import UpnpService
from async_upnp_client.client_factory import UpnpFactory
from async_upnp_client.exceptions import UpnpActionError, UpnpError

from meshnode.control.mapping import discovery
from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.requester import GatewayRequester
from meshnode.control.mapping.values import LIFETIME_S, Grant, Refusal, Wish

CONNECTIONS = (":WANIPConnection:", ":WANPPPConnection:")
CONFLICT, ONLY_PERMANENT = 718, 725
PORTS_TRIED_MAX = 4
CONVERSATION_S = 10.0
"""For one mapping with all that has to be read before it."""
DESCRIPTION = "meshnode"


class Upnp:
    """UPnP with one router."""

    name = "UPnP"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._location: str | None = None
        self._lease_s = LIFETIME_S

    async def grant(self, wish: Wish) -> Grant | Refusal:
        """Ask for a mapping, or for more time for one that stands."""
        try:
            async with asyncio.timeout(CONVERSATION_S):
                return await self._grant(wish)
        except TimeoutError:
            self._location = None
            return Refusal("the router does not answer by UPnP")
        except (UpnpError, ValueError, LookupError) as error:
            self._location = None  # a router that restarted may describe it elsewhere
            return Refusal(f"the router refuses by UPnP: {_said(error)}")

    async def release(self, grant: Grant) -> None:
        """Delete a mapping."""
        try:
            async with asyncio.timeout(CONVERSATION_S):
                service = await self._service()
                if service is not None:
                    await service.action("DeletePortMapping").async_call(
                        NewRemoteHost="",
                        NewExternalPort=grant.outside[1],
                        NewProtocol=grant.wish.transport.name,
                    )
        except (TimeoutError, UpnpError, ValueError, LookupError):
            return

    async def _grant(self, wish: Wish) -> Grant | Refusal:
        service = await self._service()
        if service is None:
            return Refusal("the router does not speak UPnP", silent=True)
        told = await service.action("GetExternalIPAddress").async_call()
        outside = str(ipaddress.IPv4Address(str(told.get("NewExternalIPAddress"))))
        port = await self._map(service, wish)
        return Grant(wish, (outside, port), LIFETIME_S)

    async def _map(self, service: UpnpService, wish: Wish) -> int:
        """Add the mapping under the number wished for or one of the next; which."""
        first = wish.outside_port
        for port in range(first, min(first + PORTS_TRIED_MAX, 65_536)):
            try:
                await self._add(service, replace(wish, outside_port=port))
            except UpnpActionError as error:
                if error.error_code != CONFLICT:
                    raise
            else:
                return port
        raise UpnpError(message="the port is taken, and the next ones are")

    async def _add(self, service: UpnpService, wish: Wish) -> None:
        try:
            await self._call(service, wish)
        except UpnpActionError as error:
            if error.error_code != ONLY_PERMANENT or not self._lease_s:
                raise
            self._lease_s = 0
            await self._call(service, wish)

    async def _call(self, service: UpnpService, wish: Wish) -> None:
        await service.action("AddPortMapping").async_call(
            NewRemoteHost="",
            NewExternalPort=wish.outside_port,
            NewProtocol=wish.transport.name,
            NewInternalPort=wish.port,
            NewInternalClient=self._gateway.own,
            NewEnabled=True,
            NewPortMappingDescription=DESCRIPTION,
            NewLeaseDuration=self._lease_s,
        )

    async def _service(self) -> UpnpService | None:
        """The service that maps ports, as the gateway describes it now."""
        if self._location is None:
            self._location = await discovery.find(self._gateway)
        if self._location is None:
            return None
        # why not kept: a router that restarted may have other addresses of control
        factory = UpnpFactory(GatewayRequester(self._gateway.address), non_strict=True)
        device = await factory.async_create_device(self._location)
        for service in device.all_services:
            if any(kind in service.service_type for kind in CONNECTIONS):
                return service
        return None


def _said(error: Exception) -> str:
    if isinstance(error, UpnpActionError) and error.error_code is not None:
        return f"error {error.error_code}"
    if isinstance(error, UpnpError):
        words = [str(arg) for arg in error.args if arg]
        return words[0][:80] if words else "without a reason"
    return "its answer cannot be read"
