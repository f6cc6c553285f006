"""WHIP and WHEP clients on aiohttp and aiortc: what `meshnode publish|play` run."""
