/**
 * js-libp2p with gossipsub, told what to do by JSON lines on its input and telling what
 * happened on its output.  install.sh copies it beside its packages.
 */

// a dependency asks for node 22
Promise.withResolvers ??= function withResolvers() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
};

const { createInterface } = await import('node:readline');
const { createLibp2p } = await import('libp2p');
const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2');
const { tcp } = await import('@libp2p/tcp');
const { noise } = await import('@libp2p/noise');
const { yamux } = await import('@libp2p/yamux');
const { gossipsub } = await import('@libp2p/gossipsub');
const { identify } = await import('@libp2p/identify');
const { ping } = await import('@libp2p/ping');
const { multiaddr } = await import('@multiformats/multiaddr');

const options = JSON.parse(process.argv[2] ?? '{}');
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp(), circuitRelayTransport()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping(), pubsub: gossipsub({ emitSelf: false, ...options }) },
});
const { pubsub } = node.services;
pubsub.addEventListener('message', ({ detail }) => {
  const data = new TextDecoder().decode(detail.data);
  tell({ event: 'message', topic: detail.topic, data, from: String(detail.from ?? ''), type: detail.type });
});

const verbs = {
  dial: async ({ address }) => void (await node.dial(multiaddr(address))),
  subscribe: ({ topic }) => pubsub.subscribe(topic),
  publish: async ({ topic, data }) => {
    await pubsub.publish(topic, new TextEncoder().encode(data));
  },
  ping: async ({ address }) => ({ rtt: await node.services.ping.ping(multiaddr(address)) }),
  state: ({ topic }) => ({
    mesh: pubsub.getMeshPeers(topic).map(String),
    subscribers: pubsub.getSubscribers(topic).map(String),
    streams: node.getConnections().flatMap((c) => c.streams.map((s) => `${s.direction} ${s.protocol}`)),
    peers: node.getPeers().map(String),
  }),
};

tell({ event: 'ready', node: String(node.peerId), addresses: node.getMultiaddrs().map(String) });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, verb, ...rest } = JSON.parse(line);
  try {
    tell({ event: 'answer', id, ...(await verbs[verb](rest)) });
  } catch (error) {
    tell({ event: 'answer', id, error: String(error) });
  }
}
await node.stop();
process.exit(0);
