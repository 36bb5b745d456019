import type { StatusDocument } from '@wirepath/core';
import { Lab } from './lab.js';
import type { NatKind } from './network/nat-kind.js';
import type { Sites } from './network/plan.js';
import { Ping } from './ping.js';
import type { Connection } from './wirepath/connection-log.js';
import { WirepathNode } from './wirepath/node.js';
import type { NodeRc, ServerTls } from './wirepath/rc-file.js';
import { WirepathServer } from './wirepath/server.js';

export interface PairOptions {
  readonly a: NatKind;
  readonly b: NatKind;
  /** A STUN server beside the rendezvous server, and both nodes use it. @default true */
  readonly stun?: boolean;
  /** A relay too. @default true */
  readonly relay?: boolean;
  /** The server by TLS too, on port 443; the nodes' `rc` says whether they use it. */
  readonly tls?: Omit<ServerTls, 'listen'>;
  /** Of both nodes' rc files. */
  readonly rc?: Partial<NodeRc>;
  readonly ipv6?: boolean;
  /** Sites besides the two; nothing runs there. */
  readonly others?: Sites;
  /** How long the first echo may take. @default 20 s */
  readonly timeoutMs?: number;
  /** Waits for these connections after the first echo, for some seconds, instead of taking what there is then. */
  readonly until?: { readonly a: Connection; readonly b: Connection };
  /** @default 'info' */
  readonly logLevel?: string;
}

export interface PairResult {
  /** From starting A's daemon (servers and B being up) to the first echo of B. */
  readonly echoSeconds: number;
  readonly connectionA: Connection;
  readonly connectionB: Connection;
  /** Echo requests lost between the first answered one and the end. */
  readonly lost: number;
  readonly statusA: StatusDocument;
  readonly statusB: StatusDocument;
}

/** Two sites, a server, and a node on each site; nothing is started. */
export interface PreparedPair {
  readonly lab: Lab;
  readonly server: WirepathServer;
  readonly a: WirepathNode;
  readonly b: WirepathNode;
}

export async function preparePair(options: PairOptions & { id?: string; standing?: boolean }): Promise<PreparedPair> {
  const { stun = true, relay = true, logLevel = 'info', ipv6 = false, id, standing = false, others, tls } = options;
  const lab = await Lab.create(
    { a: options.a, b: options.b, ...others },
    { ipv6, standing, ...(id !== undefined && { id }) },
  );
  try {
    const server = await WirepathServer.prepare(lab, { stun, relay, tls, logLevel });
    const rc = {
      logLevel,
      stunServers: stun ? [WirepathServer.stunServer] : undefined,
      relayUrls: relay ? [WirepathServer.relayUrl] : undefined,
      ...options.rc,
    };
    const a = new WirepathNode(lab, 'a', { number: 1, rc });
    const b = new WirepathNode(lab, 'b', { number: 2, rc });
    await a.configure([b.asPeer()]);
    await b.configure([a.asPeer()]);
    return { lab, server, a, b };
  } catch (error) {
    await lab.remove();
    throw error;
  }
}

/** Starts the server, then B, then A with a ping already waiting; the ping and the server go on. */
export async function startPair({ lab, server, a, b }: PreparedPair, timeoutMs = 20_000) {
  const serving = await server.start();
  // `status` would tell too, but a program of its own each time.
  await b.start().logged(/rendezvous up/);
  const ping = Ping.start(lab, 'a', b.address, 10);
  const { startedAtMs } = a.start();
  const reply = await ping.firstReply({ timeoutMs });
  return { ping, server: serving, echoSeconds: (reply.receivedAtMs - startedAtMs) / 1000 };
}

/**
 * Connects two nodes through their NATs in a lab of their own, and removes it.
 * @throws Error with the logs of all daemons when no echo comes.
 */
export async function connectPair(options: PairOptions): Promise<PairResult> {
  const pair = await preparePair(options);
  try {
    const { ping, echoSeconds } = await startPair(pair, options.timeoutMs);
    if (options.until) await settled(pair, options.until);
    const { lost } = await ping.stop();
    const [statusA, statusB] = await Promise.all([pair.a.status(), pair.b.status()]);
    return {
      echoSeconds,
      lost,
      connectionA: connectionOf(statusA),
      connectionB: connectionOf(statusB),
      statusA,
      statusB,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${options.a} / ${options.b}: ${reason}\n${pair.lab.logs()}`, { cause: error });
  } finally {
    await pair.lab.remove();
  }
}

/** How long a better path may take to be found after the first echo. */
const SETTLE_MS = 10_000;

async function settled({ a, b }: PreparedPair, until: NonNullable<PairOptions['until']>): Promise<void> {
  const wait = (node: WirepathNode, connection: Connection) =>
    node.until(connection, (status) => connectionOf(status) === connection, SETTLE_MS);
  // What was not reached is seen in the result, with the statuses.
  await Promise.allSettled([wait(a, until.a), wait(b, until.b)]);
}

export function connectionOf(status: StatusDocument): Connection {
  const [peer] = status.peers;
  if (peer === undefined) throw new Error('the node has no peer');
  return peer.connection;
}
