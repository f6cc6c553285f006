// A publisher and a viewer of its stream, two connections that prove each other; needs
// support/browser.js.  A pair tells what it reached, and leaves.
window.within = (ms, what, check) => new Promise((done, fail) => {
  const end = performance.now() + ms;
  const look = async () => {
    if (await check()) done();
    else if (performance.now() > end) fail(new Error(`not within ${ms} ms: ${what}`));
    else setTimeout(() => look().catch(fail), 10);
  };
  look().catch(fail);
});
window.connected = (pc, who) => window.within(15000, `${who} connected`, () => {
  if (pc.connectionState === 'failed') throw new Error(`${who} failed`);
  return pc.connectionState === 'connected';
});
window.framesDecoded = async pc => {
  let frames = 0;
  (await pc.getStats()).forEach(report => { frames = report.framesDecoded ?? frames; });
  return frames;
};
window.pair = async ({whip, whep, key, frames}) => {
  window.camera ||= window.picture(160, 120, 20);
  const sending = new RTCPeerConnection();
  const receiving = new RTCPeerConnection();
  const told = {connected: 0, frames: 0, error: ''};
  const connect = async (pc, who, url, secret) => {
    await window.door(url, secret, pc);
    await window.connected(pc, who);
    told.connected += 1;
  };
  try {
    sending.addTransceiver(window.camera, {direction: 'sendonly'});
    await connect(sending, 'publisher', whip, key);
    receiving.addTransceiver('video', {direction: 'recvonly'});
    await connect(receiving, 'viewer', whep, '');
    await window.within(15000, 'pictures', async () => {
      told.frames = await window.framesDecoded(receiving);
      return told.frames >= frames;
    });
  } catch (error) {
    told.error = String(error);
  }
  for (const pc of [receiving, sending]) {
    pc.close();
    if (pc.session) await fetch(pc.session, {method: 'DELETE'});
  }
  return told;
};
