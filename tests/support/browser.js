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
    track.requestFrame();
  };
  return track;
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
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const out = audio.createMediaStreamDestination();
  tone.connect(out); tone.start();
  pc.addTransceiver(out.stream.getAudioTracks()[0], {direction: 'sendonly'});
  await window.door(url, key, pc);
};
window.play = async ({url}) => {
  const pc = new RTCPeerConnection();
  (window.players ||= []).push(pc);
  const video = document.body.appendChild(document.createElement('video'));
  Object.assign(video, {muted: true, autoplay: true, playsInline: true});
  video.srcObject = new MediaStream();
  pc.ontrack = e => video.srcObject.addTrack(e.track);
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.addTransceiver('audio', {direction: 'recvonly'});
  const first = new Promise(done => video.requestVideoFrameCallback(
    () => done(performance.now() - pc.posted)));
  await window.door(url, '', pc);
  pc.firstFrame = first;
  return window.players.length - 1;
};
window.report = async pc => {
  const all = {};
  (await pc.getStats()).forEach(r => (all[r.type + (r.kind ? '-' + r.kind : '')
    + (r.rid ? '-' + r.rid : '')] = r));
  return all;
};
