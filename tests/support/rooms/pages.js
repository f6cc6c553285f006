// What pages of a room count, and how they come back when their node dies.
// For each peer whose picture a member gets: frames decoded, freezes, by the section it is in.
window.seen = async user => {
  const m = window.members[user], found = {};
  if (!m.pc) return found;
  const peers = {}, live = new Set(m.pc.getTransceivers()
    .filter(t => ['recvonly', 'sendrecv'].includes(t.currentDirection)).map(t => t.mid));
  for (const tile of Object.values(m.tiles))
    if (tile.kind === 'video' && live.has(tile.mid)) peers[tile.mid] = tile.peer;
  for (const r of (await m.pc.getStats()).values())
    if (r.type === 'inbound-rtp' && r.kind === 'video' && peers[r.mid] && r.packetsReceived)
      found[peers[r.mid]] = {frames: r.framesDecoded || 0, freezes: r.freezeCount || 0,
        frozen: r.totalFreezesDuration || 0, dropped: r.framesDropped || 0, ssrc: r.ssrc};
  return found;
};
// A picture as calm as a face before a wall: a camera's, not noise that fills any bitrate.
window.picture = (width, height, fps) => {
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  const draw = canvas.getContext('2d');
  const tick = new Blob([`setInterval(() => postMessage(0), ${1000 / fps})`]);
  const track = canvas.captureStream(0).getVideoTracks()[0];
  let frame = 0;
  draw.fillStyle = `hsl(${Math.random() * 360} 40% 35%)`;
  draw.fillRect(0, 0, width, height);
  const worker = new Worker(URL.createObjectURL(tick));
  track.finish = () => { worker.terminate(); track.stop(); };
  worker.onmessage = () => {
    draw.fillStyle = `hsl(${frame * 5 % 360} 50% 60%)`;
    draw.fillRect(width / 2 + width / 8 * Math.sin(frame++ / 8), height / 3, width / 6, height / 3);
    track.requestFrame();
  };
  return track;
};
// When its socket closes, join at once at the node `url` by the token.
window.goesOnAt = (user, url, options) => {
  const m = window.members[user];
  m.ws.addEventListener('close', async () => {
    m.pc.close();
    await window.member({...options, user, url, token: m.joined.sessionToken});
  });
};
window.leaves = user => {
  const m = window.members[user];
  m.send('leave');
  m.pc.getSenders().forEach(({track}) => track?.finish());  // else each visit draws on
  m.pc.close();
  m.ws.close();
};
