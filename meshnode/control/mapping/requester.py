"""HTTP for the UPnP library, with bounds: one host, few requests, short answers.

What a description says is followed by the library: addresses of services, of control.
Here everything that does not lead back to the gateway is refused, redirections are not
followed, and the whole conversation has a number of requests and each answer a length.
"""

from __future__ import annotations

import aiohttp
from async_upnp_client.client import UpnpRequester
from async_upnp_client.const import HttpRequest, HttpResponse
from async_upnp_client.exceptions import UpnpCommunicationError

from meshnode.control.mapping.discovery import points_to

ANSWER_OCTETS_MAX = 65_536
"""Descriptions of real routers have 2 to 20 kB."""
REQUESTS_MAX = 64
"""Descriptions of a router's services and a few actions, per conversation."""
REQUEST_S = 3.0


class GatewayRequester(UpnpRequester):
    """Asks `host` and nobody else."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._left = REQUESTS_MAX

    async def async_http_request(self, http_request: HttpRequest) -> HttpResponse:
        """One request.  Raises `UpnpCommunicationError`, also for what is too much."""
        if not points_to(http_request.url, self._host):
            raise UpnpCommunicationError(message="it sends us to another machine")
        if self._left == 0:
            raise UpnpCommunicationError(message="it has too many services")
        self._left -= 1
        try:
            return await _fetch(http_request)
        except UpnpCommunicationError:
            raise  # ours, and a ClientError like theirs
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UpnpCommunicationError(message="it does not answer") from error


async def _fetch(request: HttpRequest) -> HttpResponse:
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, max_line_size=4_096) as session,
        session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as response,
    ):
        body = b""
        async for chunk in response.content.iter_chunked(4_096):
            body += chunk
            if len(body) > ANSWER_OCTETS_MAX:
                raise UpnpCommunicationError(message="its answer is too long")
        text = body.decode("utf-8", errors="replace")
        return HttpResponse(response.status, dict(response.headers), text)
