// Loaded into every page of support/room_page.py before its own scripts.
// Two cores encode and decode for everybody here, so cameras are small.
(() => {
  const devices = navigator.mediaDevices;
  const ask = devices?.getUserMedia?.bind(devices);
  if (ask) devices.getUserMedia = wanted => ask(wanted.video
    ? {...wanted, video: {...wanted.video, width: 640, height: 360, frameRate: 15}} : wanted);
})();
window.element = () => document.querySelector('mesh-room');
window.inside = selector => element().shadowRoot.querySelector(selector);
window.tiles = () => [...element().shadowRoot.querySelectorAll('.tile')].map(tile => {
  const video = tile.querySelector('video');
  return {label: tile.ariaLabel, seen: tile.hasAttribute('seen'), width: video.videoWidth,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    speaks: tile.hasAttribute('speaking'), staged: tile.hasAttribute('staged')};
});
window.inbound = async kind => [...(await element().room.call.pc.getStats()).values()]
  .filter(one => one.type === 'inbound-rtp' && one.kind === kind && one.packetsReceived)
  .map(one => ({mid: one.mid, frames: one.framesDecoded, width: one.frameWidth,
    bytes: one.bytesReceived, energy: one.totalAudioEnergy}));
window.said = () => (element().room ? inside('.notice') : inside('.lobby .status')).textContent;
