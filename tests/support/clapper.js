// A clapperboard in a page: a white picture and a beep at the same instants, once a second
// of the audio clock.  Needs support/browser.js for the door.
window.clap = async url => {
  const audio = new AudioContext({sampleRate: 48000});
  const out = audio.createMediaStreamDestination(), gain = audio.createGain();
  const tone = new OscillatorNode(audio, {frequency: 1000});
  gain.gain.value = 0;
  tone.connect(gain).connect(out);
  tone.start();
  await audio.resume();
  const first = Math.ceil(audio.currentTime) + 1;
  const canvas = Object.assign(document.createElement('canvas'), {width: 320, height: 180});
  const draw = canvas.getContext('2d', {alpha: false});
  const track = canvas.captureStream(0).getVideoTracks()[0];
  let before = null, drawn = 0;
  const tick = new Worker(URL.createObjectURL(new Blob(['setInterval(() => postMessage(0), 4)'])));
  tick.onmessage = () => {
    const at = audio.currentTime, white = at >= first && at % 1 < 0.2;
    // at once when it changes, else 25 times a second
    if (white === before && at - drawn < 0.04) return;
    // why not by the clock beforehand: a page that gets the processor late claps late with both
    gain.gain.value = white ? 0.4 : 0;
    [before, drawn] = [white, at];
    draw.fillStyle = white ? 'white' : 'black';
    draw.fillRect(0, 0, 320, 180);
    track.requestFrame();
  };
  const pc = window.clapping = new RTCPeerConnection();
  pc.addTransceiver(track, {direction: 'sendonly'});
  pc.addTransceiver(out.stream.getAudioTracks()[0], {direction: 'sendonly'});
  await window.door(url, '', pc);
};
