import {
  socketPath,
  transportAddress,
  type Identity,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import type { UapiTransportOptions } from '../../../src/attached/attached-options.js';
import { ProxyTransport } from '../../../src/attached/proxy/proxy-transport.js';
import { newIdentity, recordingLogger, systemClock, type TestNode, testGuard } from '../../embedded/support.js';
import { run } from '../../uapi/programs.js';

export const never = new AbortController().signal;

let last = 0;

/** A /24 that no other test of this run uses, and hardly anybody else. */
export function uniqueSubnet(): { device: string; peer: string } {
  last += 1;
  const prefix = `10.231.${(process.pid + last * 16) % 256}`;
  return { device: `${prefix}.1`, peer: `${prefix}.2` };
}

export interface ProxiedNode {
  readonly ip: string;
  readonly interfaceName: string;
  readonly publicKey: string;
  readonly transport: ProxyTransport;
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly address: TransportAddress;
  /** From our shared IPv4 socket. */
  pathTo(remote: TransportAddress): TransportPath;
}

/** A device of wireguard-go, ours, behind a proxy transport. */
export async function startProxied(
  interfaceName: string,
  ip: string,
  options: UapiTransportOptions = { command: 'wireguard-go' },
  identity: Identity = newIdentity(),
): Promise<ProxiedNode> {
  const logger = recordingLogger();
  const node = { interfaceName, addresses: [`${ip}/24`], mtu: 1420 };
  const transport = new ProxyTransport(
    { logger, clock: systemClock, guard: testGuard(logger), identity, node },
    options,
  );
  try {
    await transport.listen({ signal: never });
    await transport.start({ signal: never });
  } catch (error) {
    await transport.stop();
    throw error;
  }
  return {
    ip,
    interfaceName,
    publicKey: identity.publicKey,
    transport,
    logger,
    address: transportAddress('127.0.0.1', transport.listenPort!),
    pathTo(remote) {
      const base = transport.datagrams!.bases.find(({ family, shared }) => family === 4 && shared)!;
      return socketPath(base, remote);
    },
  };
}

/** The node answers pings that come through its tunnel. */
export function answerPings({ transport }: TestNode): void {
  transport.packets!.onPacket((packet) => {
    const [ICMP, ECHO_REQUEST] = [1, 8];
    if (packet[0] !== 0x45 || packet[9] !== ICMP || packet[20] !== ECHO_REQUEST) return;
    const reply = Buffer.from(packet);
    reply.set(packet.subarray(16, 20), 12);
    reply.set(packet.subarray(12, 16), 16);
    reply[20] = 0;
    // RFC 1624: the type fell by 0x0800, so the checksum rises by as much, end-around.
    const sum = reply.readUInt16BE(22) + 0x0800;
    reply.writeUInt16BE((sum & 0xffff) + (sum >> 16), 22);
    transport.packets!.send(reply);
  });
}

/** The node answers UDP that comes through its tunnel, as its system would with a port that is open. */
export function answerUdp({ transport }: TestNode): void {
  transport.packets!.onPacket((packet) => {
    const UDP = 17;
    if (packet[0] !== 0x45 || packet[9] !== UDP) return;
    const reply = Buffer.from(packet);
    reply.set(packet.subarray(16, 20), 12);
    reply.set(packet.subarray(12, 16), 16);
    reply.set(packet.subarray(22, 24), 20);
    reply.set(packet.subarray(20, 22), 22);
    // 0: no checksum (RFC 768).
    reply.writeUInt16BE(0, 26);
    transport.packets!.send(reply);
  });
}

/** How many of `count` pings came back. */
export async function pinged(ip: string, count: number, intervalSeconds = 0.01): Promise<number> {
  const output = await run('ping', ['-n', '-c', `${count}`, '-i', `${intervalSeconds}`, '-W', '1', ip]).catch(
    // It exits with 1 when answers are missing; the count is in what it printed.
    (error: Error & { cause?: { stdout?: string } }) => error.cause?.stdout ?? '',
  );
  return Number(/(\d+) received/.exec(output)?.[1] ?? 0);
}
