// A page's side of the sfu-go dialect in the shape of the original: a pool of sections
// that receive, offers when told to renegotiate, rollback where two cross.
window.members = {};
window.member = async ({url, user, room, pool, encodings, width, height, fps, token, sound, hidden}) => {
  const m = window.members[user] = {messages: [], tiles: {}, errors: []};
  const ws = m.ws = new WebSocket(`${url.replace('http', 'ws')}/ws?userId=${user}&name=${user}`);
  m.send = (type, data) => ws.send(JSON.stringify({type, data, timestamp: new Date()}));
  let making = false, again = false, pc = null, order = Promise.resolve();
  const negotiate = async () => {
    if (making) { again = true; return; }
    making = true;
    await pc.setLocalDescription(await pc.createOffer());
    m.send('offer', {sdp: pc.localDescription.sdp, type: 'offer', peerId: m.peer});
  };
  const begin = async () => {
    pc = m.pc = new RTCPeerConnection();
    const stream = new MediaStream();
    pc.addTransceiver(window.picture(width, height, fps),
      {direction: 'sendonly', streams: [stream], sendEncodings: encodings || [{}]});
    if (sound) pc.addTransceiver(sound(m), {direction: 'sendonly', streams: [stream]});
    for (let i = 0; i < pool; i++)
      for (const kind of ['video', 'audio']) pc.addTransceiver(kind, {direction: 'recvonly'});
    pc.onicecandidate = e => e.candidate && m.send('ice-candidate',
      {...e.candidate.toJSON(), peerId: m.peer});
    pc.ontrack = e => {
      if (!hidden) {  // what is not drawn is decoded all the same
        const video = document.body.appendChild(document.createElement('video'));
        Object.assign(video, {muted: true, autoplay: true, playsInline: true});
        video.srcObject = new MediaStream([e.track]);
      }
      m.tiles[e.track.id] = {peer: e.streams[0]?.id, kind: e.track.kind, mid: e.transceiver.mid};
    };
    await negotiate();
  };
  const room_for = count => {
    for (const kind of ['video', 'audio']) {
      const have = pc.getTransceivers().filter(t => t.receiver.track.kind === kind
        && ['recvonly', 'sendrecv'].includes(t.direction)).length;
      for (let i = have; i < Math.ceil(count / 2); i++)
        pc.addTransceiver(kind, {direction: 'recvonly'});
    }
  };
  const hear = async ({type, data}) => {
    if (type === 'ping') m.send('pong');
    if (type === 'join') { m.peer = data.peerId; m.joined = data; await begin(); }
    if (type === 'answer') {
      await pc.setRemoteDescription({type, sdp: data.sdp});
      making = false;
      if (again) { again = false; await negotiate(); }
    }
    if (type === 'renegotiate') { room_for(data.trackCount); await negotiate(); }
    if (type === 'offer' || type === 'ice-restart-offer') {
      making = false;
      await pc.setRemoteDescription({type: 'offer', sdp: data.sdp});
      await pc.setLocalDescription();
      m.send('answer', {sdp: pc.localDescription.sdp, type: 'answer', peerId: m.peer});
      if (again) { again = false; await negotiate(); }
    }
  };
  ws.onmessage = e => {
    const message = JSON.parse(e.data);
    m.messages.push(message);
    order = order.then(() => hear(message)).catch(error => m.errors.push(String(error)));
  };
  m.seen = type => m.messages.filter(x => x.type === type).map(x => x.data);
  m.inbound = async kind => [...(pc ? await pc.getStats() : new Map()).values()]
    .filter(r => r.type === 'inbound-rtp' && r.kind === kind && r.framesDecoded !== 0
      && (r.packetsReceived || 0) > 0)
    .map(r => ({mid: r.mid, frames: r.framesDecoded, width: r.frameWidth, bytes: r.bytesReceived,
      freezes: r.freezeCount || 0, packets: r.packetsReceived, id: r.trackIdentifier}));
  await new Promise(done => (ws.onopen = done));
  m.send('join', {roomId: room, userId: user, name: user, sessionToken: token});
};
// A voice that can be turned up and down, over an optional steady noise.
window.voice = noise => m => {
  const audio = m.audio = new AudioContext(), out = audio.createMediaStreamDestination();
  const gain = m.gain = audio.createGain();
  gain.gain.value = noise;
  const buffer = audio.createBuffer(1, audio.sampleRate * 2, audio.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1;
  const source = audio.createBufferSource();
  Object.assign(source, {buffer, loop: true});
  source.connect(gain).connect(out);
  source.start();
  m.talk = on => {
    clearInterval(m.talking);
    gain.gain.value = noise;
    if (!on) return;
    let step = 0;
    m.talking = setInterval(() => { gain.gain.value = step++ % 6 < 4 ? 0.5 : noise; }, 100);
  };
  return out.stream.getAudioTracks()[0];
};
