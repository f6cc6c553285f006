"""Connectivity: the stateless STUN server and the ICE-lite agent of the media port."""
