// Pages in the shape of the three projects' own, for a real browser: no more of a node is
// known here than the originals know of their servers.
window.grey = luma => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 160, height: 96});
  const draw = canvas.getContext('2d');
  const tick = new Blob(['setInterval(() => postMessage(0), 66)']);
  const track = canvas.captureStream(0).getVideoTracks()[0];
  let frame = 0;
  new Worker(URL.createObjectURL(tick)).onmessage = () => {
    draw.fillStyle = `rgb(${luma},${luma},${luma})`;
    draw.fillRect(0, 0, 160, 96);
    draw.fillStyle = 'grey';
    draw.fillRect(0, 0, frame++ % 64, 8);
    track.requestFrame();
  };
  return track;
};
window.silence = () => {
  const audio = new AudioContext();
  return audio.createMediaStreamDestination().stream.getAudioTracks()[0];
};
window.watched = pc => {
  pc.videos = [];
  pc.ontrack = ({track}) => {
    if (track.kind !== 'video') return;
    const video = document.body.appendChild(document.createElement('video'));
    Object.assign(video, {muted: true, autoplay: true, srcObject: new MediaStream([track])});
    pc.videos.push(video);
  };
  return pc;
};
// the brightness that each of its videos shows now, NaN for one without a picture
window.greys = pc => pc.videos.map(video => {
  if (!video.videoWidth) return NaN;
  const canvas = Object.assign(document.createElement('canvas'), {width: 8, height: 8});
  const draw = canvas.getContext('2d');
  draw.drawImage(video, 40, 40, 80, 40, 0, 0, 8, 8);
  return draw.getImageData(4, 4, 1, 1).data[0];
});
window.decoded = async pc => {
  const counts = [];
  (await pc.getStats()).forEach(r => r.type === 'inbound-rtp' && r.kind === 'video'
    && counts.push(r.framesDecoded || 0));
  return counts;
};
window.answered = async (pc, offer) => {
  await pc.setRemoteDescription(offer);
  await pc.setLocalDescription(await pc.createAnswer());
  return pc.localDescription;
};

window.monoport = ({url, peerId, luma}) => {
  const pc = window.pc = window.watched(new RTCPeerConnection());
  const socket = new WebSocket(url), types = window.types = [];
  const say = message => socket.send(JSON.stringify({peerId, ...message}));
  pc.onicecandidate = ({candidate}) => candidate
    && say({type: 'ice-candidate', candidate: JSON.stringify(candidate)});
  socket.onopen = async () => {
    say({type: 'join-room'});
    pc.addTrack(window.grey(luma));
    pc.addTrack(window.silence());
    await pc.setLocalDescription(await pc.createOffer());
    say({type: 'offer', sdp: pc.localDescription.sdp});
  };
  socket.onmessage = async ({data}) => {
    const message = JSON.parse(data);
    types.push(message.type);
    if (message.type === 'answer') await pc.setRemoteDescription(message);
    if (message.type === 'offer')
      say({type: 'answer', sdp: (await window.answered(pc, message)).sdp});
    if (message.type === 'candidate')
      await pc.addIceCandidate(JSON.parse(message.candidate));
    if (message.type === 'stun-candidate')
      await pc.addIceCandidate(JSON.parse(message.stunCandidate));
  };
};

window.polling = async ({url, token, luma}) => {
  const pc = window.pc = window.watched(new RTCPeerConnection());
  const post = (path, body) => fetch(url + path, {method: 'POST', body: JSON.stringify(body)});
  pc.addTrack(window.grey(luma));
  await pc.setLocalDescription(await pc.createOffer());
  const joined = await (await post(`/offer?access_token=${token}`, pc.localDescription)).json();
  await pc.setRemoteDescription(joined.sdp);
  setInterval(async () => {
    const got = await fetch(`${url}/renegotiate/${joined.peer_id}`);
    if (got.status !== 200) return;
    const answer = await window.answered(pc, await got.json());
    await post(`/answer/${joined.peer_id}`, answer);
  }, 1000);
};

window.tutorialSender = ({url, luma}) => {
  const pc = window.pc = new RTCPeerConnection(), socket = new WebSocket(url);
  const say = message => socket.send(JSON.stringify(message));
  socket.onmessage = async ({data}) => {
    const message = JSON.parse(data);
    if (message.type === 'createAnswer') await pc.setRemoteDescription(message.sdp);
    if (message.type === 'iceCandidate') await pc.addIceCandidate(message.candidate);
  };
  socket.onopen = () => {
    say({type: 'sender'});
    pc.onicecandidate = ({candidate}) => candidate && say({type: 'iceCandidate', candidate});
    pc.onnegotiationneeded = async () => {
      await pc.setLocalDescription(await pc.createOffer());
      say({type: 'createOffer', sdp: pc.localDescription});
    };
    pc.addTrack(window.grey(luma));
    pc.addTrack(window.silence());
  };
};
window.tutorialReceiver = ({url}) => {
  const pc = window.pc = window.watched(new RTCPeerConnection());
  const socket = new WebSocket(url), say = message => socket.send(JSON.stringify(message));
  pc.onicecandidate = ({candidate}) => candidate && say({type: 'iceCandidate', candidate});
  socket.onopen = () => say({type: 'receiver'});
  socket.onmessage = async ({data}) => {
    const message = JSON.parse(data);
    if (message.type === 'createOffer')
      say({type: 'createAnswer', sdp: await window.answered(pc, message.sdp)});
    if (message.type === 'iceCandidate') await pc.addIceCandidate(message.candidate);
  };
};
