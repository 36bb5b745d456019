import {
  sameAddress,
  type Base,
  type Datagrams,
  type NatBehavior,
  type NatDependence,
  type TransportAddress,
} from '@wirepath/core/plugin';
import type { StunClient } from './stun-client.js';

/** A test that is answered by silence must not take long: three sends, a second in all. */
const TEST = { rtoMs: 150, maxAttempts: 3 } as const;

/**
 * NAT behaviour discovery (RFC 5780 4.3 and 4.4) from a base of its own: a fresh port that the NAT has never seen, so that
 * nothing sent before, by this run or an earlier one, has opened the filter that is tested.
 *
 * Filtering comes first: the tests of mapping send to the alternate address and would open it.
 * @returns undefined when no server answered.
 */
export async function discoverNatBehavior(
  client: StunClient,
  datagrams: Datagrams,
  servers: readonly TransportAddress[],
  signal: AbortSignal,
): Promise<NatBehavior | undefined> {
  const [first] = servers;
  if (first === undefined) return undefined;
  const base = await datagrams.openBase(first.family, { signal });
  try {
    return await discoverFrom(
      client,
      base,
      servers.filter(({ family }) => family === first.family),
      signal,
    );
  } finally {
    datagrams.closeBase(base);
  }
}

async function discoverFrom(
  client: StunClient,
  base: Base,
  servers: readonly TransportAddress[],
  signal: AbortSignal,
): Promise<NatBehavior | undefined> {
  const ask = (server: TransportAddress, change?: { changeIp: boolean; changePort: boolean }) =>
    client.request({ base, server, signal, ...TEST, ...(change && { change }) });

  // One after the other: an answering server is enough, and asking a second one first would open a filter towards it.
  for (const [index, server] of servers.entries()) {
    const primary = await ask(server);
    if (primary === null) continue;
    const { mapped, other } = primary;
    if (other === undefined || other.ip === server.ip || other.port === server.port) {
      return { filtering: null, mapping: await compareServers(mapped, servers.slice(index + 1)) };
    }
    const filtering = await judgeFiltering(server);
    return { filtering, mapping: await judgeMapping(mapped, server, other) };
  }
  return undefined;

  async function judgeFiltering(server: TransportAddress): Promise<NatDependence> {
    const [bothChanged, portChanged] = await Promise.all([
      ask(server, { changeIp: true, changePort: true }),
      ask(server, { changeIp: false, changePort: true }),
    ]);
    if (bothChanged !== null) return 'endpoint-independent';
    return portChanged !== null ? 'address-dependent' : 'address-and-port-dependent';
  }

  async function judgeMapping(mapped: TransportAddress, server: TransportAddress, other: TransportAddress) {
    const otherIp = await ask({ ...other, port: server.port });
    if (otherIp === null) return null;
    if (sameAddress(otherIp.mapped, mapped)) return 'endpoint-independent';
    const otherIpAndPort = await ask(other);
    if (otherIpAndPort === null) return null;
    return sameAddress(otherIpAndPort.mapped, otherIp.mapped) ? 'address-dependent' : 'address-and-port-dependent';
  }

  /** Without OTHER-ADDRESS a second server tells whether the mapping depends on the address; not on what else. */
  async function compareServers(mapped: TransportAddress, others: readonly TransportAddress[]) {
    for (const server of others) {
      const second = await ask(server);
      if (second === null) continue;
      return sameAddress(second.mapped, mapped) ? 'endpoint-independent' : 'address-and-port-dependent';
    }
    return null;
  }
}
