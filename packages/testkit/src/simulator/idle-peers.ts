import { transportAddress } from '@wirepath/core';
import { NATS } from '../network/nat-settings.js';
import { VirtualStunServer } from '../network/virtual-stun-server.js';
import { VirtualNetwork } from '../network/virtual-network.js';
import { VirtualTime } from '../network/virtual-time.js';
import { SeededRandom } from '../random.js';
import { SimulatedNode } from './node/simulated-node.js';
import { SimulatedSignaling } from './node/simulated-signaling.js';

/** What a node does for peers that it exchanges no data with. */
export interface IdlePeersReport {
  readonly peers: number;
  /** Peers with a path and a session at the end of it. */
  readonly connected: number;
  /** Datagrams that the node sent while idle: checks, answers, and what keeps its own mapping known. */
  readonly sentPerSecond: number;
  /** Timers that are set at the end, of all nodes. */
  readonly timers: number;
  /** What the caller's `heapBytes` said at the end less what it said at the start. */
  readonly heapBytes: number;
}

export interface IdlePeersOptions {
  readonly peers: number;
  /** Virtual time without data. @default 600000 */
  readonly idleMs?: number;
  /** How long the NAT in front of the node remembers an idle mapping, which the node has learnt. @default 30000 */
  readonly bindingLifetimeMs?: number;
  /** Bytes in use, after collecting garbage. */
  readonly heapBytes: () => number;
}

const STUN_SERVER = transportAddress('203.0.113.10', 3478);
const KNOWN = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' } as const;
const CONNECTED_MS = 60_000;

/** One node behind a NAT, and many peers with public addresses that it is connected to and has nothing to say to. */
export function measureIdlePeers(options: IdlePeersOptions): IdlePeersReport {
  const { peers, idleMs = 600_000, bindingLifetimeMs = 30_000, heapBytes } = options;
  const before = heapBytes();
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const network = new VirtualNetwork({ clock: time });
  const signaling = new SimulatedSignaling(time, random);
  const lan = network.lan('home');
  network.router({ inside: lan, ip: '198.51.100.1', nat: { ...NATS.portRestricted, lifetimeMs: bindingLifetimeMs } });
  new VirtualStunServer(network.host({ ips: [STUN_SERVER.ip] }), STUN_SERVER);
  const node = (index: number, host: ReturnType<VirtualNetwork['host']>) =>
    new SimulatedNode({
      publicKey: Buffer.from(random.bytes(32)).toString('base64'),
      host,
      clock: time,
      signaling,
      seed: index,
      stunServers: [STUN_SERVER],
      relayServers: [],
      natBehavior: { ...KNOWN, bindingLifetimeMs },
      innerIp: innerIp(index),
    });
  const hubHost = network.host({ on: lan, ips: ['192.168.1.2'] });
  const hub = node(0, hubHost);
  const others = Array.from({ length: peers }, (_, index) =>
    node(index + 1, network.host({ ips: [`198.18.${index >> 8}.${index & 255}`] })),
  );
  hub.start();
  for (const [index, other] of others.entries()) {
    other.start();
    hub.addPeer({ publicKey: other.publicKey, innerIp: innerIp(index + 1) });
    other.addPeer({ publicKey: hub.publicKey, innerIp: innerIp(0) });
  }
  time.runUntil(CONNECTED_MS);
  const sentBefore = hubHost.sentDatagrams;
  time.runUntil(CONNECTED_MS + idleMs);
  const report = {
    peers,
    connected: others.filter(({ publicKey }) => hub.connection(publicKey) === 'direct').length,
    sentPerSecond: (hubHost.sentDatagrams - sentBefore) / (idleMs / 1000),
    timers: time.pendingTimers,
    heapBytes: heapBytes() - before,
  };
  for (const each of [hub, ...others]) each.stop();
  return report;
}

const innerIp = (index: number) => `10.64.${index >> 8}.${index & 255}`;
