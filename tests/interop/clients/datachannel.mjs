/**
 * libdatachannel, the stack inside OBS, in OBS's shape: the offer is posted before any
 * candidate is gathered, none follows, PLI is ignored, and packets are sent as they come.
 */

import { emit, end, live, load, options, post, source, told } from './door.mjs';

const { action, url, codec, key } = options();
const VIDEO = { pt: 96, ssrc: 1111 };
const AUDIO = { pt: 111, ssrc: 2222 };
const { Audio, PeerConnection, Video } = load('node-datachannel');

const pc = new PeerConnection('interop', { iceServers: [], disableAutoNegotiation: true });

let tracks = []; // kept, or the collector takes them with their callbacks

function describe(direction) {
  const video = new Video('0', direction);
  if (codec === 'h264') video.addH264Codec(VIDEO.pt);
  else if (codec === 'vp9') video.addVP9Codec(VIDEO.pt);
  else video.addVP8Codec(VIDEO.pt);
  const audio = new Audio('1', direction);
  audio.addOpusCodec(AUDIO.pt);
  if (direction === 'SendOnly') {
    video.addSSRC(VIDEO.ssrc, 'interop', 'interop', 'video');
    audio.addSSRC(AUDIO.ssrc, 'interop', 'interop', 'audio');
  }
  tracks = [video, audio].map((media) => pc.addTrack(media));
  return tracks;
}

async function connect() {
  const connected = new Promise((done, fail) => {
    pc.onStateChange((state) => {
      if (state === 'connected') done();
      if (state === 'failed' || state === 'closed') fail(new Error(state));
    });
  });
  const offer = await new Promise((done) => {
    pc.onLocalDescription((sdp) => done(sdp));
    pc.setLocalDescription();
  });
  const { answer, session } = await post(url, offer, key);
  pc.setRemoteDescription(answer, 'answer');
  await connected;
  return session;
}

async function publish() {
  describe('SendOnly');
  const forward = (track) => source((packet) => track.isOpen() && track.sendMessageBinary(packet));
  const sockets = await Promise.all(tracks.map(forward));
  const session = await connect();
  live(...sockets);
  await told();
  await end(session, key);
}

async function play() {
  const kinds = ['video', 'audio'];
  const isRtp = (packet) => packet[1] < 192 || packet[1] > 223;
  describe('RecvOnly').forEach((track, i) => {
    track.onMessage((packet) => isRtp(packet) && emit(kinds[i], Buffer.from(packet)));
  });
  const session = await connect();
  await told();
  await end(session, '');
}

await (action === 'publish' ? publish() : play());
pc.close();
process.exit(0);
