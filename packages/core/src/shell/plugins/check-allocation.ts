import { tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Base } from '../../contracts/candidate-base.js';
import type { RelayFraming } from '../../contracts/path.js';
import { RELAY_TRANSPORTS, type Allocation, type RelayServer } from '../../contracts/relay.js';
import { shown } from '../../base/guard/refusals.js';

const MIN_CHANNEL = 0x4000;
const MAX_CHANNEL = 0x4fff;

/** Why it is no allocation of this server, as a clause; undefined where it is one. Its methods are checked elsewhere. */
export function allocationFault(allocation: Allocation, taken: ReadonlySet<string>): string | undefined {
  return reading(() => {
    const { id, relayedAddress, mappedAddress } = allocation;
    if (typeof id !== 'string' || id === '') return `expected id to be text, found ${shown(id)}`;
    if (taken.has(id)) return 'expected id to be its own, found that of another allocation';
    if (!isAddress(relayedAddress)) return 'expected relayedAddress to be an IP address and a port';
    if (mappedAddress !== undefined && !isAddress(mappedAddress))
      return 'expected mappedAddress to be an IP address and a port';
    return undefined;
  });
}

/** As {@link allocationFault}, of what `permit` resolves to. */
export function framingFault(framing: RelayFraming, id: string, bases: readonly Base[]): string | undefined {
  return reading(() => {
    if (typeof framing !== 'object' || framing === null) return `expected a framing, found ${shown(framing)}`;
    if (framing.allocationId !== id) return 'expected allocationId to be that of the allocation';
    if (framing.kind === 'stream')
      return typeof framing.send === 'function' ? undefined : 'expected a stream to have a method send';
    if (framing.kind !== 'channel') return 'expected kind channel or stream';
    const { channel, base, server } = framing;
    if (!Number.isInteger(channel) || channel < MIN_CHANNEL || channel > MAX_CHANNEL)
      return `expected channel to be from 0x4000 to 0x4fff, found ${shown(channel)}`;
    if (!bases.some((one) => one.id === base.id)) return 'expected base to be one that the transport has';
    return isAddress(server) ? undefined : 'expected server to be an IP address and a port';
  });
}

/** As {@link allocationFault}, of what `probe` resolves to. */
export function roundTripFault(rttMs: unknown): string | undefined {
  const isRight = typeof rttMs === 'number' && Number.isFinite(rttMs) && rttMs >= 0;
  return isRight ? undefined : `expected a round trip in ms, found ${shown(rttMs)}`;
}

/** As {@link allocationFault}, of an entry of `servers`. */
export function serverFault(server: RelayServer): string | undefined {
  return reading(() => {
    const given: unknown = server;
    const { url, transport, group }: { url?: unknown; transport?: unknown; group?: unknown } =
      typeof given === 'object' && given !== null ? given : {};
    if (typeof url !== 'string' || url === '') return `expected url to be text, found ${shown(url)}`;
    if (group !== undefined && (typeof group !== 'string' || group === ''))
      return `expected group to be text, found ${shown(group)}`;
    const known: readonly unknown[] = RELAY_TRANSPORTS;
    return known.includes(transport)
      ? undefined
      : `expected transport to be udp, tcp or tls, found ${shown(transport)}`;
  });
}

function isAddress(address: TransportAddress | null | undefined): boolean {
  if (address === null || address === undefined) return false;
  const parsed = tryTransportAddress(address.ip, address.port);
  return parsed !== undefined && parsed.port > 0 && parsed.ip === address.ip && parsed.family === address.family;
}

function reading(look: () => string | undefined): string | undefined {
  try {
    return look();
  } catch {
    // A getter of it throws, or there is nothing to read.
    return 'it cannot be read';
  }
}
