/** werift, WebRTC in TypeScript: sends RTP made by FFmpeg, hands received RTP on. */

import { emit, end, live, load, options, post, source, told } from './door.mjs';

const { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } = load('werift');
const { action, url, codec, key } = options();

const feedback = ['nack', 'nack pli', 'goog-remb'].map((each) => {
  const [type, parameter] = each.split(' ');
  return { type, parameter };
});
const video = new RTCRtpCodecParameters({
  mimeType: `video/${codec.toUpperCase()}`,
  clockRate: 90000,
  rtcpFeedback: feedback,
  parameters:
    codec === 'h264' ? 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f' : undefined,
});
const audio = new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48000, channels: 2 });
const pc = new RTCPeerConnection({
  codecs: { video: [video], audio: [audio] },
  iceUseIpv6: false,
});
// an empty list in the constructor is taken for "the default STUN server"
pc.config.iceServers.length = 0;

async function connect() {
  await pc.setLocalDescription(await pc.createOffer());
  const { answer, session } = await post(url, pc.localDescription.sdp, key);
  await pc.setRemoteDescription({ type: 'answer', sdp: answer });
  if (pc.connectionState !== 'connected') {
    await pc.connectionStateChange.watch((state) => state === 'connected', 15000);
  }
  return session;
}

async function publish() {
  const tracks = ['video', 'audio'].map((kind) => new MediaStreamTrack({ kind }));
  tracks.forEach((track) => pc.addTransceiver(track, { direction: 'sendonly' }));
  const sockets = await Promise.all(tracks.map((t) => source((packet) => t.writeRtp(packet))));
  const session = await connect();
  live(...sockets);
  await told();
  await end(session, key);
}

async function play() {
  for (const kind of ['video', 'audio']) {
    const transceiver = pc.addTransceiver(kind, { direction: 'recvonly' });
    transceiver.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe((rtp) => emit(kind, rtp.serialize()));
    });
  }
  const session = await connect();
  await told();
  await end(session, '');
}

await (action === 'publish' ? publish() : play());
process.exit(0);
