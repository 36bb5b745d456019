import {
  createIdentity,
  formatKey,
  generatePrivateKey,
  type Node,
  type PeerStatus,
  type Product,
  type RcFileContent,
} from '@wirepath/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '../wording/command-error.js';
import { InnerHost } from './inner-host.js';
import type { Measurements, Scenario, ScenarioContext } from './scenario.js';

const CONNECT_TIMEOUT_MS = 10_000;
const POLL_MS = 5;
const ECHO_COUNT = 10;
const THROUGHPUT_MS = 1000;

const INNER_ADDRESS = { a: '10.77.0.1', b: '10.77.0.2' };

export interface NodePlugins {
  /** As in the rc file. */
  readonly list: NonNullable<RcFileContent['plugins']>;
  /** Those of `list` that the product does not have. */
  readonly own?: Product['plugins'];
}

/** Two nodes that know each other's key and nothing of each other's address. */
export async function createNodePair(
  { network }: ScenarioContext,
  pluginsOf: (name: 'a' | 'b') => NodePlugins,
): Promise<{ a: Node; b: Node }> {
  const keys = { a: generatePrivateKey(), b: generatePrivateKey() };
  const create = (own: 'a' | 'b', other: 'a' | 'b'): Promise<Node> => {
    const plugins = pluginsOf(own);
    const value: RcFileContent = {
      privateKey: formatKey(keys[own]),
      interface: `demo-${own}`,
      addresses: [`${INNER_ADDRESS[own]}/24`],
      plugins: plugins.list,
      peers: [
        {
          name: other,
          publicKey: createIdentity(keys[other]).publicKey,
          allowedIps: [`${INNER_ADDRESS[other]}/32`],
          keepalive: 25,
        },
      ],
    };
    return network.createNode(value, plugins.own);
  };
  return { a: await create('a', 'b'), b: await create('b', 'a') };
}

/** Starts both, waits until both are connected in the wanted way, then measures with real WireGuard traffic. */
export async function measurePair(
  { a, b }: { a: Node; b: Node },
  wanted: Scenario['connection'],
  { signal, step }: ScenarioContext,
): Promise<Measurements> {
  const startedAt = performance.now();
  await Promise.all([a.start({ signal }), b.start({ signal })]);
  using hostA = new InnerHost(INNER_ADDRESS.a, packetsOf(a));
  using hostB = new InnerHost(INNER_ADDRESS.b, packetsOf(b));
  let firstEcho: Measurements['firstEcho'] | undefined;
  using _asking = hostA.onFirstEcho(hostB.address, () => {
    firstEcho = { afterMs: performance.now() - startedAt, connection: peerOf(a).connection };
  });
  await untilConnected([a, b], wanted, signal);
  const timeToConnectMs = performance.now() - startedAt;

  step(`${wanted}: echo requests in both directions`);
  const aToB = await hostA.echo(hostB.address, ECHO_COUNT, signal);
  const bToA = await hostB.echo(hostA.address, ECHO_COUNT, signal);
  if (firstEcho === undefined || aToB.received === 0 || bToA.received === 0) {
    throw new CommandError('TIMEOUT', 'the nodes are connected, but no echo came back');
  }
  step(`${wanted}: throughput for ${String(THROUGHPUT_MS / 1000)} s`);
  const throughput = await hostA.throughput(hostB, THROUGHPUT_MS, signal);
  return { peers: [peerOf(a), peerOf(b)], firstEcho, timeToConnectMs, echo: { aToB, bToA }, throughput };
}

function packetsOf(node: Node): NonNullable<Node['packets']> {
  if (node.packets !== undefined) return node.packets;
  throw new CommandError('INTERNAL', 'the transport offers no packet port');
}

async function untilConnected(
  nodes: readonly Node[],
  wanted: Scenario['connection'],
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + CONNECT_TIMEOUT_MS;
  for (;;) {
    const peers = nodes.map(peerOf);
    if (peers.every(({ connection, lastHandshakeMs }) => connection === wanted && lastHandshakeMs !== null)) return;
    if (performance.now() > deadline) {
      const found = peers.map(({ connection, reason }) => `${connection}${reason === null ? '' : ` (${reason})`}`);
      throw new CommandError('TIMEOUT', `not ${wanted} after ${String(CONNECT_TIMEOUT_MS / 1000)} s`, {
        subject: found.join(', '),
      });
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

function peerOf(node: Node): PeerStatus {
  const [peer] = node.status().peers;
  if (peer === undefined) throw new CommandError('INTERNAL', 'the node has lost its peer');
  return peer;
}
