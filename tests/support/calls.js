// A client of support/calls.py: perfect negotiation as the WebRTC specification has it.
window.calls = {};
window.call = ({name, polite}) => {
  const c = window.calls[name] = {polite, making: false, ignored: 0, errors: [], videos: {}};
  const say = (kind, sdp) => window[name](kind, sdp);
  let order = Promise.resolve(), pc;
  const negotiate = async () => {
    // why later: what the browser asks for meanwhile it does not ask for again, and a test
    // that asks does not know what is under way
    if (c.taking) { c.due = true; return; }
    if (pc.signalingState !== 'stable') return; // it asks again when this is over
    try {
      c.making = true;
      await pc.setLocalDescription();
      await say(pc.localDescription.type, pc.localDescription.sdp);
    } catch (error) { c.errors.push(String(error)); } finally { c.making = false; }
  };
  const begin = () => {
    pc = c.pc = new RTCPeerConnection();
    pc.onnegotiationneeded = negotiate;
    pc.onicecandidate = e => e.candidate && say('candidate', e.candidate.candidate);
    pc.ontrack = e => {
      const video = document.body.appendChild(document.createElement('video'));
      Object.assign(video, {muted: true, autoplay: true, playsInline: true});
      video.srcObject = new MediaStream([e.track]);
      (c.tracks ||= []).push({kind: e.track.kind, stream: e.streams[0]?.id, id: e.track.id});
      c.videos[e.transceiver.mid] = video;
    };
  };
  begin();
  c.again = () => { pc.close(); begin(); };
  const take = async ({kind, sdp}) => {
    if (kind === 'answer' && pc.signalingState !== 'have-local-offer') return;
    const crossed = kind === 'offer' && (c.making || pc.signalingState !== 'stable');
    if (crossed && !c.polite) { c.ignored++; return; }
    try {
      c.taking = true;
      await pc.setRemoteDescription({type: kind, sdp});
      if (kind === 'offer') {
        await pc.setLocalDescription();
        await say('answer', pc.localDescription.sdp);
      }
    } catch (error) { c.errors.push(kind + ': ' + error); } finally { c.taking = false; }
    if (c.due) { c.due = false; await negotiate(); }
  };
  c.hear = message => (order = order.then(() => take(message)));
  c.stats = async () => [...(await pc.getStats()).values()];
  c.inbound = async () => Object.fromEntries((await c.stats())
    .filter(r => r.type === 'inbound-rtp')
    .map(r => [r.kind + r.mid, r.kind === 'video' ? r.framesDecoded || 0 : r.packetsReceived]));
  c.frozen = async () => Object.fromEntries((await c.stats())
    .filter(r => r.type === 'inbound-rtp' && r.kind === 'video')
    .map(r => [r.mid, r.freezeCount || 0]));
};
