import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  EdgeGuard,
  socketPath,
  transportAddress,
  type Clock,
  type Identity,
  type LogFields,
  type Logger,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import type { EmbeddedTransportOptions } from '../../src/embedded/embedded-options.js';
import { EmbeddedTransport } from '../../src/embedded/embedded-transport.js';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';

export const systemClock: Clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export function recordingLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (message: string, fields?: LogFields) => void lines.push({ level, message, fields });
  const logger = {
    lines,
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

export function testGuard(logger: Logger = recordingLogger()): EdgeGuard {
  return EdgeGuard.create('test', { logger, clock: systemClock });
}

export function newIdentity(): Identity {
  const privateKey = generatePrivateKey();
  return {
    publicKey: formatKey(publicKeyOf(privateKey)),
    agree: () => undefined,
    exportPrivateKey: () => Uint8Array.from(privateKey),
  };
}

/** A node with a transport that keeps its packets in this process. */
export interface TestNode {
  readonly ip: string;
  readonly identity: Identity;
  readonly transport: EmbeddedTransport;
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly guard: EdgeGuard;
  /** Payloads received through the tunnel, in order. */
  readonly received: string[];
  readonly address: TransportAddress;
  send(to: TestNode, text: string): void;
  /** The path from this node's IPv4 socket to the other's. */
  pathTo(other: TestNode, port?: number): TransportPath;
}

const never = new AbortController().signal;

export async function startNode(ip: string, options: EmbeddedTransportOptions = {}): Promise<TestNode> {
  const logger = recordingLogger();
  const guard = testGuard(logger);
  const identity = newIdentity();
  const transport = new EmbeddedTransport(
    {
      logger,
      clock: systemClock,
      guard,
      random: { bytes: (length) => randomBytes(length) },
      identity,
      node: { interfaceName: 'wptest0', addresses: [`${ip}/24`], mtu: 1420 },
    },
    { tun: false, ...options },
  );
  await transport.listen({ signal: never });
  await transport.start({ signal: never });
  const received: string[] = [];
  transport.packets?.onPacket((packet) => received.push(Buffer.from(packet.subarray(20)).toString()));
  const base = () => transport.datagrams!.bases.find(({ family, shared }) => family === 4 && shared)!;
  return {
    ip,
    identity,
    transport,
    logger,
    guard,
    received,
    get address() {
      return transportAddress('127.0.0.1', transport.listenPort!);
    },
    send: (to, text) => transport.packets!.send(ipv4Packet(ip, to.ip, text)),
    pathTo: (other, port) => socketPath(base(), transportAddress('127.0.0.1', port ?? other.transport.listenPort!)),
  };
}

/** Makes the two peers of each other, without a path. */
export function introduce(a: TestNode, b: TestNode): void {
  a.transport.addPeer({ publicKey: b.identity.publicKey, allowedIps: [`${b.ip}/32`] });
  b.transport.addPeer({ publicKey: a.identity.publicKey, allowedIps: [`${a.ip}/32`] });
}

/** Peers with paths over loopback, and a session between them. */
export async function connect(a: TestNode, b: TestNode): Promise<void> {
  introduce(a, b);
  a.transport.setPath(b.identity.publicKey, [a.pathTo(b)]);
  b.transport.setPath(a.identity.publicKey, [b.pathTo(a)]);
  a.transport.initiateHandshake(b.identity.publicKey);
  await until(() => b.transport.stats()[0]!.lastHandshakeMs !== null, 'the session');
}

export function ipv4Packet(source: string, destination: string, text: string): Uint8Array {
  const payload = Buffer.from(text);
  const packet = Buffer.alloc(20 + payload.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 253; // RFC 3692: for experiments
  packet.set(source.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  payload.copy(packet, 20);
  return packet;
}

/** Polls until the condition holds; fails after the deadline, saying what was waited for. */
export async function until(condition: () => boolean, what: string, deadlineMs = 5000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A bare UDP socket on loopback. */
export async function bareSocket() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    socket,
    port: socket.address().port,
    send: (bytes: Uint8Array, port: number) =>
      new Promise<void>((resolve, reject) =>
        socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
      ),
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}
