import { createHash } from 'node:crypto';
import { Device } from '../../src/protocol/device.js';
import type { DeviceOptions, PeerConfig } from '../../src/protocol/device-config.js';
import { newBuffers } from './test-buffers.js';
import type { PacketBuffers } from '../../src/protocol/packet-buffers.js';
import type { AuthenticatedKind, DeviceSink, HandshakeInfo, DevicePeer } from '../../src/protocol/sink.js';

/**
 * Devices on an in-memory network under virtual time. A path is a pair of addresses, `local>remote`, as the sender
 * sees it; an address is any short name.
 */
export interface Path {
  readonly local: string;
  readonly remote: string;
}

export const path = (local: string, remote: string): Path => ({ local, remote });

/** Deterministic random bytes: a hash chain. */
export function seededRandom(seed: string): (size: number) => Uint8Array {
  let counter = 0;
  return (size) => {
    const out = new Uint8Array(size);
    for (let at = 0; at < size; at += 32) {
      const block = createHash('sha256').update(`${seed}/${counter++}`).digest();
      out.set(block.subarray(0, Math.min(32, size - at)), at);
    }
    return out;
  };
}

export interface InFlight {
  readonly at: number;
  readonly order: number;
  readonly from: Node;
  readonly to: Node;
  readonly datagram: Uint8Array;
  readonly path: Path;
}

/** What the network does to a datagram: delays in ms, one per copy; none drops it. */
export type Policy = (datagram: Uint8Array, from: Node, path: Path) => readonly number[];

export class Network {
  now = 1_000;
  /** Wall clock minus `now`. */
  wallOffsetMs = 1_700_000_000_000;
  policy: Policy = () => [10];
  readonly nodes: Node[] = [];
  readonly log: { at: number; from: string; path: Path; datagram: Uint8Array }[] = [];
  #inFlight: InFlight[] = [];
  #order = 0;

  node(name: string, options: Partial<DeviceOptions<Path>> = {}): Node {
    const node = new Node(this, name, options);
    this.nodes.push(node);
    return node;
  }

  transmit(from: Node, datagram: Uint8Array, sendPath: Path): void {
    this.log.push({ at: this.now, from: from.name, path: sendPath, datagram: Uint8Array.from(datagram) });
    const to = this.nodes.find((node) => node.addresses.has(sendPath.remote));
    if (to === undefined) return;
    for (const delay of this.policy(datagram, from, sendPath)) {
      this.#inFlight.push({
        at: this.now + delay,
        order: this.#order++,
        from,
        to,
        datagram: Uint8Array.from(datagram),
        path: sendPath,
      });
    }
  }

  /** Everything that happens until `until`, in order of time. */
  runUntil(until: number): void {
    for (;;) {
      const arrival = this.#inFlight.reduce<InFlight | undefined>(
        (first, next) =>
          first === undefined || next.at < first.at || (next.at === first.at && next.order < first.order)
            ? next
            : first,
        undefined,
      );
      const timeouts = this.nodes.map((node) => ({ node, at: node.device.nextTimeout() ?? Infinity }));
      const timeout = timeouts.reduce((first, next) => (next.at < first.at ? next : first));
      const at = Math.min(arrival?.at ?? Infinity, timeout.at);
      if (at > until) break;
      this.now = Math.max(this.now, at);
      if (arrival !== undefined && arrival.at <= timeout.at) {
        this.#inFlight.splice(this.#inFlight.indexOf(arrival), 1);
        arrival.to.device.handleDatagram(arrival.datagram, path(arrival.path.remote, arrival.path.local), this.now);
      } else {
        timeout.node.device.handleTimeout(this.now);
      }
    }
    this.now = Math.max(this.now, until);
  }

  run(ms: number): void {
    this.runUntil(this.now + ms);
  }
}

export class Node {
  readonly device: Device<Path>;
  readonly addresses: Set<string>;
  readonly delivered: { at: number; from: string; packet: Uint8Array }[] = [];
  readonly handshakes: (HandshakeInfo<Path> & { peer: string })[] = [];
  readonly authenticated: { from: Path; kind: AuthenticatedKind; now: number }[] = [];
  readonly replies: Uint8Array[] = [];
  readonly buffers: PacketBuffers;
  /** Called from inside the device's calls to its sink, with the sink method's name. */
  interrupt: (name: keyof DeviceSink<Path>) => unknown = () => undefined;
  pathsWanted = 0;
  sent = 0;

  constructor(
    readonly network: Network,
    readonly name: string,
    options: Partial<DeviceOptions<Path>>,
  ) {
    this.addresses = new Set([name]);
    const random = seededRandom(name);
    const { read, ...memory } = newBuffers();
    this.buffers = memory.buffers;
    this.device = new Device<Path>({
      ...memory,
      privateKey: random(32),
      random,
      wallClockMs: () => network.now + network.wallOffsetMs,
      samePath: (a, b) => a.local === b.local && a.remote === b.remote,
      sourceBytes: ({ remote }) => createHash('sha256').update(remote).digest().subarray(0, 6),
      ...options,
      sink: {
        send: (offset, sizeBytes, paths) => {
          paths.forEach((one) => network.transmit(this, read(offset, sizeBytes), one));
          this.interrupt('send');
        },
        reply: (offset, sizeBytes, to) => {
          const datagram = read(offset, sizeBytes);
          this.replies.push(datagram);
          network.transmit(this, datagram, to);
        },
        deliver: (offset, sizeBytes, peer) => {
          this.delivered.push({ at: network.now, from: peer.publicKey, packet: read(offset, sizeBytes) });
          this.interrupt('deliver');
        },
        onHandshake: (peer, info) => {
          this.handshakes.push({ ...info, peer: peer.publicKey });
          this.interrupt('onHandshake');
        },
        onAuthenticated: (_peer, from, kind, now) => {
          this.authenticated.push({ from, kind, now });
          this.interrupt('onAuthenticated');
        },
        onSent: () => {
          this.sent++;
          this.interrupt('onSent');
        },
        onPathWanted: () => this.pathsWanted++,
      },
    });
  }

  add(other: Node, config: Partial<PeerConfig<Path>> = {}): DevicePeer<Path> {
    return this.device.addPeer(
      {
        publicKey: other.device.publicKey,
        allowedIps: [`${innerIp(other)}/32`],
        roaming: true,
        paths: [path(this.name, other.name)],
        ...config,
      },
      this.network.now,
    );
  }

  peer(other: Node): DevicePeer<Path> {
    return this.device.peer(other.device.publicKey)!;
  }

  /** Sends an inner packet with a marker text. */
  say(other: Node, text: string): string {
    return this.device.handlePacket(ipv4Packet(innerIp(this), innerIp(other), Buffer.from(text)), this.network.now);
  }

  /** The marker texts that came in. */
  heard(): string[] {
    return this.delivered.map(({ packet }) => Buffer.from(packet.subarray(20)).toString());
  }
}

/** Inner address from the node's name: `a` is 10.0.0.97. */
export function innerIp(node: Node): string {
  return `10.0.0.${node.name.charCodeAt(0)}`;
}

/** An IPv4 packet with protocol 253 (experimentation) around the payload; its checksum is left zero. */
export function ipv4Packet(source: string, destination: string, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(20 + payload.length);
  packet[0] = 0x45;
  packet[2] = packet.length >> 8;
  packet[3] = packet.length;
  packet[8] = 64;
  packet[9] = 253;
  packet.set(source.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  packet.set(payload, 20);
  return packet;
}

/** Two nodes that know each other, `a` and `b`. */
export function pair(
  config: Partial<PeerConfig<Path>> = {},
  options: Partial<DeviceOptions<Path>> = {},
): { network: Network; a: Node; b: Node } {
  const network = new Network();
  const a = network.node('a', options);
  const b = network.node('b', options);
  a.add(b, config);
  b.add(a, config);
  return { network, a, b };
}

/** Two nodes with a session. */
export function connectedPair(
  config: Partial<PeerConfig<Path>> = {},
  options: Partial<DeviceOptions<Path>> = {},
): { network: Network; a: Node; b: Node } {
  const lab = pair(config, options);
  lab.a.say(lab.b, 'hello');
  lab.network.run(100);
  return lab;
}
