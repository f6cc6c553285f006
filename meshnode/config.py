"""Every setting of a node in one typed object: flags > environment > file > defaults.

The names here are the flags (`--http`), the environment (`MESHNODE_HTTP`) and the keys
of the TOML file.  Secrets are never flags: they come from files or the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Limits(BaseSettings):
    """Bounds of every table; a full one refuses and names the limit."""

    model_config = SettingsConfigDict(env_prefix="MESHNODE_LIMIT_", extra="forbid")

    transports: int = Field(2048, ge=1, description="client transports on the port")
    tracks_per_client: int = Field(16, ge=1, description="m-lines a client may bring")
    ssrcs_per_transport: int = Field(64, ge=1, description="RTP sources of a client")
    sdp_bytes: int = Field(65536, ge=1024, description="size of a description")
    sessions_per_address: int = Field(64, ge=1, description="sessions of one address")
    streams: int = Field(256, ge=1, description="streams published at this node")
    viewers_per_stream: int = Field(1024, ge=1, description="viewers of one stream")
    history_bytes: int = Field(
        8 * 2**20, ge=65536, description="packet history of one layer"
    )
    requests_per_minute: int = Field(
        240, ge=1, description="POST, PATCH and DELETE of one address"
    )
    events_subscribers: int = Field(256, ge=1, description="open event streams")
    message_bytes: int = Field(65536, ge=1, description="one data-channel message")


class Settings(BaseSettings):
    """What a person can say about a node."""

    model_config = SettingsConfigDict(env_prefix="MESHNODE_", extra="forbid")

    port: int = Field(5000, ge=0, le=65535)
    hosts: tuple[str, ...] = ("0.0.0.0", "::")
    http: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:8081"
    public_ip: tuple[str, ...] = ()
    advertise: tuple[str, ...] = ()
    public_url: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxy: tuple[str, ...] = ()
    data: Path | None = None
    publish_key_file: Path | None = None
    plane: Literal["auto", "reference", "native"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    limits: Limits = Field(default_factory=lambda: Limits())
