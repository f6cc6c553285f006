"""GStreamer's webrtcbin publishes VP8, VP9 or H.264 and decodes what it plays.

Runs under the system's interpreter, which has the bindings.  The payloaders keep their
default size of 1400 bytes: a node has to relay packets of that size.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import door
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=50 target-bitrate=800000"
    " ! rtpvp8pay picture-id-mode=2",
    "vp9": "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=50 target-bitrate=800000"
    " ! rtpvp9pay picture-id-mode=2",
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=50"
    " bitrate=800 ! video/x-h264,profile=constrained-baseline"
    " ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
}
VIDEO = "application/x-rtp,media=video,clock-rate=90000,payload=96,encoding-name="
AUDIO = "application/x-rtp,media=audio,clock-rate=48000,payload=97,encoding-name=OPUS"
# without it a decoder is taken to know single NAL units only (RFC 6184 section 8.1)
H264_MODE = ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
PUBLISH = """
    webrtcbin name=web bundle-policy=max-bundle
    videotestsrc is-live=true pattern=ball
      ! video/x-raw,width=640,height=360,framerate=25/1 ! videoconvert ! queue
      ! {encoder} pt=96 ! {video}{codec} ! queue ! web.
    audiotestsrc is-live=true ! audioconvert ! audioresample ! queue
      ! opusenc ! rtpopuspay pt=97 ! {audio} ! queue ! web.
"""


class Peer:
    """One webrtcbin: offer when gathered, answer applied, `connected` set."""

    def __init__(self, pipeline: Any, url: str, key: str) -> None:
        self.pipeline = pipeline
        self.web = pipeline.get_by_name("web")
        self.connected = threading.Event()
        self.session = ""
        self._url, self._key = url, key
        self._kept: list[Any] = []  # or the bindings free them too early
        self._posted = False
        self._failure = "not connected"
        self.web.connect("notify::ice-gathering-state", self._gathering)
        self.web.connect("notify::connection-state", self._connection)

    def offer(self, *_: Any) -> None:
        promise = Gst.Promise.new_with_change_func(self._offered, None)
        self._kept.append(promise)
        self.web.emit("create-offer", None, promise)

    def _offered(self, promise: Any, _: Any) -> None:
        reply = promise.get_reply()
        description = reply.get_value("offer")
        self._kept += [reply, description]
        self.web.emit("set-local-description", description, Gst.Promise.new())

    def _gathering(self, *_: Any) -> None:
        state = self.web.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self._posted:
            self._posted = True
            threading.Thread(target=self._post, daemon=True).start()

    def _post(self) -> None:
        offer = self.web.get_property("local-description").sdp.as_text()
        try:
            text, self.session = door.post(self._url, offer, self._key)
        except SystemExit as refused:
            self._failure = str(refused)
            return
        _, message = GstSdp.SDPMessage.new_from_text(text)
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        answer = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self._kept += [message, answer]
        self.web.emit("set-remote-description", answer, Gst.Promise.new())

    def _connection(self, *_: Any) -> None:
        state = self.web.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            self.connected.set()

    def start(self) -> None:
        self.pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=GLib.MainLoop().run, daemon=True).start()

    def wait(self) -> None:
        if not self.connected.wait(door.CONNECT_DEADLINE_S):
            raise SystemExit(self._failure)

    def stop(self) -> None:
        if self.session:
            door.delete(self.session, self._key)
        self.pipeline.set_state(Gst.State.NULL)


def publish(url: str, codec: str, key: str) -> None:
    line = PUBLISH.format(
        encoder=ENCODERS[codec], video=VIDEO, audio=AUDIO, codec=codec.upper()
    )
    peer = Peer(Gst.parse_launch(line), url, key)
    peer.web.connect("on-negotiation-needed", peer.offer)
    peer.start()
    peer.wait()
    door.live()
    door.until_told()
    peer.stop()


class Counter:
    """Counts decoded buffers per kind behind a decodebin for each incoming track."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.counts = {"video": 0, "audio": 0}

    def track(self, _: Any, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        decode = Gst.ElementFactory.make("decodebin")
        decode.connect("pad-added", self._decoded)
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))

    def _decoded(self, _: Any, pad: Any) -> None:
        caps = pad.get_current_caps() or pad.query_caps(None)
        kind = caps.get_structure(0).get_name().split("/")[0]
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.add_probe(Gst.PadProbeType.BUFFER, self._count, kind)
        pad.link(sink.get_static_pad("sink"))

    def _count(self, _: Any, __: Any, kind: str) -> Any:
        self.counts[kind] += 1
        return Gst.PadProbeReturn.OK


def play(url: str, codec: str, seconds: float) -> None:
    pipeline = Gst.parse_launch("webrtcbin name=web bundle-policy=max-bundle")
    if pipeline.get_by_name("web") is None:
        only, pipeline = pipeline, Gst.Pipeline.new()
        pipeline.add(only)
    peer = Peer(pipeline, url, "")
    counter = Counter(pipeline)
    peer.web.connect("pad-added", counter.track)
    peer.start()
    receive = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    video = VIDEO + codec.upper() + (H264_MODE if codec == "h264" else "")
    for caps in (video, AUDIO):
        peer.web.emit("add-transceiver", receive, Gst.Caps.from_string(caps))
    began = time.monotonic()
    peer.offer()
    peer.wait()
    deadline = began + door.FIRST_FRAME_DEADLINE_S
    while not counter.counts["video"]:
        if time.monotonic() > deadline:
            raise SystemExit(f"no frame; {counter.counts['audio']} audio buffers")
        time.sleep(0.02)
    first_s = time.monotonic() - began
    before = counter.counts["video"]
    time.sleep(seconds)
    frames = counter.counts["video"] - before
    door.report(door.Result(frames, seconds, first_s, counter.counts["audio"]))
    peer.stop()


if __name__ == "__main__":
    options = door.arguments()
    Gst.init(sys.argv[:1])
    if options.action == "publish":
        publish(options.url, options.codec, options.key)
    else:
        play(options.url, options.codec, options.seconds)
