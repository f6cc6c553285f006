// Loaded into every page of support/browser.py: bare WHIP, WHEP and a drawn picture.
window.door = async (url, key, pc) => {
  await pc.setLocalDescription();
  const headers = {'Content-Type': 'application/sdp'};
  if (key) headers.Authorization = 'Bearer ' + key;
  const body = pc.localDescription.sdp;
  pc.posted = performance.now();
  const answer = await fetch(url, {method: 'POST', headers, body});
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(answer.status + ' ' + text);
  pc.session = new URL(answer.headers.get('Location'), url).href;
  await pc.setRemoteDescription({type: 'answer', sdp: text});
};
// The wall clock as a row of sixteen squares: see support/ffmpeg.py.
window.ticks = () => Math.floor(Date.now() / 10) % 65536;
window.drawClock = (draw, width) => {
  const size = width / 16, now = window.ticks();
  for (let bit = 0; bit < 16; bit++) {
    const lit = Math.floor((now + 2 ** bit) / 2 ** (bit + 1)) % 2;
    draw.fillStyle = lit ? 'white' : 'black';
    draw.fillRect(bit * size, 0, size, size);
  }
};
window.lag = pc => {
  const video = pc.video, size = video.videoWidth / 16;
  const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 4});
  const draw = canvas.getContext('2d', {willReadFrequently: true});
  draw.drawImage(video, 0, 0, video.videoWidth, size, 0, 0, 64, 4);
  const pixels = draw.getImageData(0, 2, 64, 1).data;
  let shown = 0, above = 0;
  for (let bit = 15; bit >= 0; bit--) {
    above ^= pixels[(bit * 4 + 2) * 4] > 127;
    shown |= above << bit;
  }
  return ((window.ticks() - shown + 65536 + 100) % 65536 - 100) * 10;
};
window.lags = async (pc, at, count) => {
  const seen = [];
  while (performance.now() - pc.posted < at) await new Promise(r => setTimeout(r, 5));
  for (; seen.length < count; await new Promise(r => setTimeout(r, 37)))
    seen.push(window.lag(pc));
  return seen;
};
// How far the sound of each is ahead of its picture, all at the same instants.
window.ahead = async (pcs, count) => {
  const name = 'estimatedPlayoutTimestamp', seen = pcs.map(() => []);
  const one = async pc => {
    const all = await window.report(pc);
    const sound = all['inbound-rtp-audio']?.[name], picture = all['inbound-rtp-video']?.[name];
    return sound && picture ? sound - picture : null;
  };
  for (let i = 0; i < count; i++, await new Promise(r => setTimeout(r, 61)))
    (await Promise.all(pcs.map(one))).forEach((value, at) => seen[at].push(value));
  return seen;
};
window.leave = async pc => {
  pc.close();
  pc.video.remove();
  if (pc.session) await fetch(pc.session, {method: 'DELETE'});
};
window.picture = (width, height, fps) => {
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  const draw = canvas.getContext('2d');
  const tick = new Blob([`setInterval(() => postMessage(0), ${1000 / fps})`]);
  const track = canvas.captureStream(0).getVideoTracks()[0];
  let frame = 0;
  new Worker(URL.createObjectURL(tick)).onmessage = () => {
    draw.fillStyle = `hsl(${frame % 360} 60% 40%)`;
    draw.fillRect(0, 0, width, height);
    draw.fillStyle = 'white';
    draw.font = `${height / 5}px sans-serif`;
    draw.fillText(String(frame++), width / 8, height / 2);
    for (let i = 0; i < 60; i++)
      draw.fillRect(Math.random() * width, Math.random() * height, 12, 12);
    window.drawClock(draw, width);
    track.requestFrame();
  };
  return track;
};
window.tone = () => {
  const audio = new AudioContext(), tone = audio.createOscillator();
  const out = audio.createMediaStreamDestination();
  tone.connect(out); tone.start();
  return out.stream.getAudioTracks()[0];
};
window.publish = async ({url, key, codec, encodings, width, height, fps}) => {
  const pc = window.publisher = new RTCPeerConnection();
  const sender = pc.addTransceiver(window.picture(width, height, fps),
    {direction: 'sendonly', sendEncodings: encodings || [{maxBitrate: 2500000}]});
  if (codec) {
    const all = RTCRtpSender.getCapabilities('video').codecs;
    const wanted = all.filter(c => c.mimeType.toLowerCase() === 'video/' + codec);
    sender.setCodecPreferences([...wanted, ...all.filter(c => /rtx/.test(c.mimeType))]);
  }
  pc.addTransceiver(window.tone(), {direction: 'sendonly'});
  await window.door(url, key, pc);
};
window.player = pc => {
  const video = pc.video = document.body.appendChild(document.createElement('video'));
  Object.assign(video, {muted: true, autoplay: true, playsInline: true});
  video.srcObject = new MediaStream();
  pc.ontrack = e => video.srcObject.addTrack(e.track);
  pc.firstFrame = new Promise(done => video.requestVideoFrameCallback(
    () => done(performance.now() - pc.posted)));
  return (window.players ||= []).push(pc) - 1;
};
window.play = async ({url}) => {
  const pc = new RTCPeerConnection(), number = window.player(pc);
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.addTransceiver('audio', {direction: 'recvonly'});
  await window.door(url, '', pc);
  return number;
};
// A player fed by another page's publisher, without any node: the browsers' own part.
window.gathered = async pc => {
  await pc.setLocalDescription();
  while (pc.iceGatheringState !== 'complete')
    await new Promise(done => pc.addEventListener('icegatheringstatechange', done));
  return pc.localDescription.toJSON();
};
window.direct = [];
window.offerDirect = async () => {
  const pc = new RTCPeerConnection(), whole = new MediaStream();
  // several may be under way at a time
  const number = window.direct.push(pc) - 1;
  for (const track of [window.picture(320, 240, 30), window.tone()])
    pc.addTrack(track, whole);
  return [number, await window.gathered(pc)];
};
window.playDirect = async offer => {
  const pc = new RTCPeerConnection(), number = window.player(pc);
  await pc.setRemoteDescription(offer);
  return [number, await window.gathered(pc)];
};
window.report = async pc => {
  const all = {};
  (await pc.getStats()).forEach(r => (all[r.type + (r.kind ? '-' + r.kind : '')
    + (r.rid ? '-' + r.rid : '')] = r));
  return all;
};
