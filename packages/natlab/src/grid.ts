import type { ExplainDocument } from '@wirepath/core';
import { setTimeout as delay } from 'node:timers/promises';
import type { Daemon } from './daemon.js';
import { expectedConnections, type ExpectedConnections } from './expected-connection.js';
import { Lab } from './lab.js';
import { NAT_BEHAVIOR, type UdpNatKind } from './network/nat-kind.js';
import { Ping } from './ping.js';
import type { Connection, ConnectionChange } from './wirepath/connection-log.js';
import { WirepathNode } from './wirepath/node.js';
import { WirepathServer } from './wirepath/server.js';

/** Those that a NAT is met as; one that gives out ports in sequence is for tests of port prediction. */
export const GRID_KINDS = (Object.keys(NAT_BEHAVIOR) as UdpNatKind[]).filter((kind) => kind !== 'symseq');

/** A path through a symmetric NAT has this long to be found. */
export const HARD_NAT_MS = 15_000;
const SETTLE_MS = 10_000;
/** What the NATs do is found out beside connecting, and told to the other end; a path through them takes longer to find. */
const UNTIL_BEHAVIOR_KNOWN_MS = 1000;

/** What became of one cell. */
export interface GridCell {
  readonly a: UdpNatKind;
  readonly b: UdpNatKind;
  /** From starting A's daemon (server and B being up) to the first echo of B. */
  readonly echoSeconds: number;
  /** From starting A's daemon to the connections that were expected, at both ends; null when they did not come. */
  readonly settledSeconds: number | null;
  readonly expected: ExpectedConnections;
  readonly connectionA: Connection;
  readonly connectionB: Connection;
  /** All that each end called the path, in order. */
  readonly changesA: readonly ConnectionChange[];
  readonly changesB: readonly ConnectionChange[];
  /** Echo requests lost between the first answered one and the end. */
  readonly lost: number;
  /** One second after the first echo and at the end, as far as both ends were relayed then and somebody asked. */
  readonly explained: readonly Explanations[];
}

/** What `explain` says at both ends. */
export interface Explanations {
  readonly a: ExplainDocument;
  readonly b: ExplainDocument;
}

export interface CellOptions {
  /** How long the first echo may take. @default 20 s */
  readonly echoTimeoutMs?: number;
  /** How long it is watched after it is as expected. @default 0 */
  readonly watchMs?: number;
  /** Asks for what `explain` says while the path is relayed. @default false */
  readonly explainRelayed?: boolean;
}

/** One lab with two sites of each kind and one server: each cell costs two daemons, not a lab. */
export class Grid implements AsyncDisposable {
  readonly #nodes: ReadonlyMap<string, WirepathNode>;

  private constructor(
    readonly lab: Lab,
    readonly server: Daemon,
    nodes: Iterable<WirepathNode>,
  ) {
    this.#nodes = new Map([...nodes].map((node) => [node.host, node]));
  }

  static async open(kinds: readonly UdpNatKind[] = GRID_KINDS): Promise<Grid> {
    const sites = kinds.flatMap((kind) => [[gridSite('a', kind), kind] as const, [gridSite('b', kind), kind] as const]);
    const lab = await Lab.create(Object.fromEntries(sites));
    try {
      const server = await WirepathServer.prepare(lab, { stun: true, relay: true });
      const rc = { stunServers: [WirepathServer.stunServer], relayUrls: [WirepathServer.relayUrl] };
      const nodes = sites.map(([site], index) => new WirepathNode(lab, site, { number: index + 1, rc }));
      return new Grid(lab, await server.start(), nodes);
    } catch (error) {
      await lab.remove();
      throw error;
    }
  }

  /** Connects A and B, and stops them. @throws Error with their logs when no echo comes. */
  async connect(kindA: UdpNatKind, kindB: UdpNatKind, options: CellOptions = {}): Promise<GridCell> {
    const { echoTimeoutMs = 20_000, watchMs = 0, explainRelayed = false } = options;
    const [nodeA, nodeB] = [this.#node('a', kindA), this.#node('b', kindB)];
    const expected = expectedConnections(kindA, kindB);
    await Promise.all([
      nodeA.configure([nodeB.asPeer()]),
      nodeB.configure([nodeA.asPeer()]),
      this.lab.forgetMappings(nodeA.host),
      this.lab.forgetMappings(nodeB.host),
    ]);
    const daemonB = nodeB.start();
    await Promise.all([daemonB.logged(/rendezvous up/), daemonB.logged(/node is up/)]);
    const ping = Ping.start(this.lab, nodeA.host, nodeB.address, 10);
    const explained: Explanations[] = [];
    const explain = async () => {
      const isRelayed = [nodeA, nodeB].every((node) => node.connectionChanges().at(-1)?.connection === 'relayed');
      if (!explainRelayed || !isRelayed) return;
      const [a, b] = await Promise.all([nodeA.explain(nodeB.name), nodeB.explain(nodeA.name)]);
      if (a.connection === 'relayed' && b.connection === 'relayed') explained.push({ a, b });
    };
    try {
      const { startedAtMs } = nodeA.start();
      const reply = await ping.firstReply({ timeoutMs: echoTimeoutMs });
      if (expected.hardNat) {
        await delay(UNTIL_BEHAVIOR_KNOWN_MS);
        await explain();
      }
      const settledAtMs = await settled(nodeA, nodeB, expected);
      await delay(watchMs);
      await explain();
      const { lost } = await ping.stop();
      const [changesA, changesB] = [nodeA.connectionChanges(), nodeB.connectionChanges()];
      return {
        a: kindA,
        b: kindB,
        echoSeconds: (reply.receivedAtMs - startedAtMs) / 1000,
        settledSeconds: settledAtMs === undefined ? null : (settledAtMs - startedAtMs) / 1000,
        expected,
        connectionA: changesA.at(-1)?.connection ?? 'connecting',
        connectionB: changesB.at(-1)?.connection ?? 'connecting',
        changesA,
        changesB,
        lost,
        explained,
      };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const logs = [nodeB, nodeA].map((node) => `--- ${node.name}\n${node.daemon.log()}`).join('\n');
      throw new Error(`${kindA} / ${kindB}: ${reason}\n${logs}`, { cause: error });
    } finally {
      await Promise.all([ping.stop(), nodeA.stop(), nodeB.stop()]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.remove();
  }

  #node(side: 'a' | 'b', kind: UdpNatKind): WirepathNode {
    const node = this.#nodes.get(gridSite(side, kind));
    if (node === undefined) throw new RangeError(`the grid has no site of kind ${kind}`);
    return node;
  }
}

/** The name of the site of a kind: six letters at most. */
export function gridSite(side: 'a' | 'b', kind: UdpNatKind): string {
  return `${side}${kind.replace('cone', '').slice(0, 5)}`;
}

/** @returns when both ends were connected as expected; undefined when they were not in time. */
async function settled(a: WirepathNode, b: WirepathNode, expected: ExpectedConnections): Promise<number | undefined> {
  const timeoutMs = expected.hardNat ? HARD_NAT_MS : SETTLE_MS;
  const ends = await Promise.allSettled([
    a.untilConnected(expected.a, { timeoutMs }),
    b.untilConnected(expected.b, { timeoutMs }),
  ]);
  const times = ends.map((end) => (end.status === 'fulfilled' ? end.value.atMs : Infinity));
  const last = Math.max(...times);
  return last === Infinity ? undefined : last;
}
