/* global AbortController */
/**
 * The process under test: a STUN/TURN and a rendezvous server, two embedded nodes with extra sockets and, as root with
 * wireguard-go, a third one in front of that; an echo stream runs between them all the time. A fault of the product ends
 * this process: nothing here catches what the product throws. Forked by fuzz.mjs, answers its questions.
 */
import { TOKENS } from '@wirepath/core';
import { BenchNetwork, untilConnected } from '../lib/bench-network.mjs';
import { freePort } from '../lib/free-port.mjs';
import { member, rcFile } from '../lib/members.mjs';
import { captureHonestTraffic } from './capture.mjs';
import { EchoStream } from './echo-stream.mjs';
import { StallWatch } from './stalls.mjs';

const withProxy = process.argv[2] === 'proxy';
const RELAY_USER = { username: 'lab', credential: 'secret' };
const EXTRA_BASES = [4, 4, 6];

const samples = captureHonestTraffic();
const network = new BenchNetwork();
const stun = await freePort();
const alternate = await freePort('127.0.0.2');
const servers = await network.startServers({
  stun: { listen: `127.0.0.1:${stun}`, alternate: `127.0.0.2:${alternate}` },
  turn: {
    listen: [`127.0.0.1:${stun}`, `[::1]:${stun}`],
    realm: 'lab',
    users: { [RELAY_USER.username]: RELAY_USER.credential },
  },
  rendezvous: { listen: '127.0.0.1:0' },
});
const rendezvous = servers.flatMap((server) => server.addresses()).find(({ section }) => section === 'rendezvous');

const [a, b, c] = [member('a', 1), member('b', 2), member('c', 3)];
const members = withProxy ? [a, b, c] : [a, b];
const pluginsWith = (transport) => [
  ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
  ['@wirepath/source-stun', { servers: [`127.0.0.1:${stun}`] }],
  ['@wirepath/source-relay', { servers: [{ url: `turn:127.0.0.1:${stun}`, ...RELAY_USER }] }],
  ['@wirepath/transport-wg', { listenPort: 0, ...transport }],
  ['@wirepath/signaling-rendezvous', { url: rendezvous.url }],
];
const nodes = [];
for (const own of members) {
  const transport =
    own === c ? { mode: 'uapi', subMode: 'proxy', command: 'wireguard-go' } : { mode: 'embedded', tun: false };
  const others = members.filter((other) => other !== own && !(own !== a && other !== a));
  nodes.push(await network.createNode(rcFile(own, others, pluginsWith(transport))));
}
const [nodeA, nodeB] = nodes;
const { signal } = new AbortController();
await Promise.all(nodes.map((node) => node.start({ signal })));
const stalls = new StallWatch();
// B asks A, and A asks C, whose kernel answers.
const streams = [new EchoStream(stalls, nodeB, b.address, nodeA, a.address)];
if (withProxy) streams.push(new EchoStream(stalls, nodeA, a.address, undefined, c.address));
await untilConnected(nodes);
for (const stream of streams) await stream.start();
const { datagrams } = nodeA.wired.get(TOKENS.Transport).instance;
for (const family of EXTRA_BASES) await datagrams.openBase(family, { signal });

const answers = {
  about: () => ({
    pid: process.pid,
    stun: { address: '127.0.0.1', port: stun },
    rendezvous: { address: rendezvous.ip, port: rendezvous.port },
    relayUser: RELAY_USER,
    publicKeys: members.map(({ publicKey }) => publicKey),
    samples: samples.take(),
  }),
  /** Where datagrams of that name go now; the ports of status are all that a socket can be known by from outside. */
  sockets: () => ({
    ports: Object.fromEntries(
      nodes.flatMap((node, i) =>
        node.wired
          .get(TOKENS.Transport)
          .instance.datagrams.bases.map(({ family, port, shared }) => [
            `${family} ${port}`,
            `${i === 2 ? 'proxied node' : 'node'}, ${shared ? 'shared socket' : 'extra base'}, IPv${family}`,
          ]),
      ),
    ),
    stunPorts: [stun, alternate],
  }),
  counters: () => ({
    longestStall: stalls.takeLongest(),
    nodes: nodes.map((node) => node.status().node.dropped),
    failed: network.guard.counters(),
    servers: servers.map((server) => ({ name: server.sections.join('+'), ...server.status() })),
    connections: nodes.map((node) => node.status().peers.map(({ connection }) => connection)),
  }),
  memory: () => {
    globalThis.gc();
    globalThis.gc();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  },
  echo: async () => {
    for (const stream of streams) await stream.stop();
    return { streams: streams.map((stream) => stream.result()), withheldMs: stalls.withheldMs };
  },
  stop: () => process.disconnect(),
};

process.on('message', ({ id, question }) => {
  // A rejection is the product's: it ends this process, and fuzz.mjs sees it.
  void Promise.resolve(answers[question]()).then((answer) => process.connected && process.send({ id, answer }));
});
// Whoever asked has gone.
process.once('disconnect', () => void network.close().then(() => process.exit()));
process.send({ ready: true });
