"""meshnode: a decentralised relay mesh for live WebRTC media."""

__version__ = "0.1.0"
