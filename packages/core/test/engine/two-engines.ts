import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { EngineEffect } from '../../src/engine/effects.js';
import type { LocalDescription } from '../../src/engine/events.js';
import type { CallMessage } from '../../src/engine/messages.js';
import type { PairsView, PeerView } from '../../src/engine/peer/peer-view.js';
import { PathEngine } from '../../src/engine/path-engine.js';

/** A seeded source of bytes (mulberry32): one seed replays a run. */
export function seededRandom(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      bytes[i] = (t ^ (t >>> 14)) & 255;
    }
    return bytes;
  };
}

export interface TestNode {
  readonly key: string;
  readonly engine: PathEngine;
  readonly effects: { at: number; effect: EngineEffect }[];
  addresses: readonly TransportAddress[];
  readonly arrivals: Map<string, TransportAddress>;
  paths: string[];
  handshakes: number;
  session: boolean;
}

/** `arrivedOn`: the address of the receiver that the datagram was sent to; answers leave from there. */
type Arrival = (receiver: TestNode, baseId: string, from: TransportAddress, arrivedOn: TransportAddress) => void;

type Filter = (
  from: TransportAddress,
  to: TransportAddress,
  kind: EngineEffect['type'] | 'data' | 'response',
) => boolean;

/** Two engines on a network that delivers after `latencyMs`, unless `blocked` says otherwise. Virtual time. */
export class TwoEngines {
  now = 0;
  blocked: Filter = () => false;
  /** The source address that the receiver sees, where a NAT rewrites it. */
  translate: (from: TransportAddress, to: TransportAddress) => TransportAddress = (from) => from;
  signaling = true;
  /**
   * What shows at the sender's own interface of a check to there: by how many bytes it is larger, or `plain` where it can be
   * recognised.
   */
  wrapped: (sender: TestNode, to: TransportAddress) => number | 'plain' | undefined = () => undefined;
  readonly nodes: Record<string, TestNode> = {};
  #queue: { at: number; run: () => void }[] = [];

  constructor(
    readonly latencyMs: number,
    seed = 1,
  ) {
    for (const [index, key] of ['B-greater', 'A-lesser'].entries()) this.addNode(key, seed * 2 + index);
  }

  get b(): TestNode {
    return this.nodes['B-greater']!;
  }

  get a(): TestNode {
    return this.nodes['A-lesser']!;
  }

  addNode(key: string, seed: number): TestNode {
    const node: TestNode = {
      key,
      engine: new PathEngine({
        ownKey: key,
        holePunchTimeoutMs: 15_000,
        maxCandidatePairs: 10,
        random: seededRandom(seed),
      }),
      effects: [],
      addresses: this.nodes[key]?.addresses ?? [],
      arrivals: new Map(),
      paths: [],
      handshakes: 0,
      session: false,
    };
    this.nodes[key] = node;
    return node;
  }

  other(node: TestNode): TestNode {
    return node.key === this.a.key ? this.b : this.a;
  }

  /** What a node knows of the other. */
  view(node: TestNode): PeerView {
    return node.engine.view(this.other(node).key)!;
  }

  pairsView(node: TestNode): PairsView {
    return node.engine.pairsView(this.other(node).key)!;
  }

  /** That a node has sent. */
  lastMessage(node: TestNode): CallMessage {
    return node.effects.flatMap(({ effect }) => (effect.type === 'send-message' ? [effect.message] : [])).at(-1)!;
  }

  describe(node: TestNode, candidates: LocalDescription['candidates'], newGeneration = false): void {
    node.addresses = candidates.map((candidate) => candidate.address);
    const bases = [...new Set(node.addresses.map((address) => address.family))].map(
      (family) => ({ id: `udp${family}`, family, kind: 'socket' }) as const,
    );
    this.handle(node, {
      type: 'local-description',
      description: { bases, candidates, natBehavior: { mapping: null, filtering: null } },
      newGeneration,
    });
  }

  start(node: TestNode): void {
    this.handle(node, { type: 'signaling-state', up: true });
    this.handle(node, { type: 'peer-added', peer: this.other(node).key, keepaliveMs: 25_000 });
  }

  handle(node: TestNode, event: Parameters<PathEngine['handle']>[0]): void {
    this.#perform(node, node.engine.handle(event, this.now));
  }

  /** Sends one data packet on the node's paths; `delivered` is called for each copy that arrives. */
  sendData(node: TestNode, delivered: () => void): void {
    this.handle(node, { type: 'sent', peer: this.other(node).key });
    for (const path of node.paths) {
      this.#transmit(node, path, 'data', (receiver, seen, from) => {
        delivered();
        this.handle(receiver, { type: 'authenticated', peer: node.key, path: { baseId: seen, remote: from } });
      });
    }
  }

  at(time: number, run: () => void): void {
    this.#queue.push({ at: time, run });
  }

  run(untilMs: number): void {
    for (;;) {
      const times = [
        ...this.#queue.map((item) => item.at),
        ...Object.values(this.nodes).map((node) => node.engine.nextTimeout() ?? Infinity),
      ];
      const next = Math.min(...times);
      if (next > untilMs) break;
      this.now = Math.max(this.now, next);
      const due = this.#queue.filter((item) => item.at <= this.now);
      this.#queue = this.#queue.filter((item) => item.at > this.now);
      for (const item of due) item.run();
      for (const node of Object.values(this.nodes)) {
        if ((node.engine.nextTimeout() ?? Infinity) <= this.now)
          this.#perform(node, node.engine.handleTimeout(this.now));
      }
    }
    this.now = untilMs;
  }

  #perform(node: TestNode, effects: readonly EngineEffect[]): void {
    for (const effect of effects) {
      node.effects.push({ at: this.now, effect });
      this.#performOne(node, effect);
    }
  }

  #performOne(node: TestNode, effect: EngineEffect): void {
    switch (effect.type) {
      case 'send-check':
        if (this.wrapped(node, effect.path.remote) === 'plain')
          this.handle(node, { type: 'looped', peer: effect.peer, path: effect.path });
        this.#transmit(node, formatAddress(effect.path.remote), 'send-check', (receiver, baseId, from, arrivedOn) => {
          receiver.arrivals.set(Buffer.from(effect.transactionId).toString('hex'), arrivedOn);
          this.handle(receiver, {
            type: 'check',
            peer: node.key,
            path: { baseId, remote: from },
            transactionId: effect.transactionId,
            priority: effect.priority,
            candidateType: effect.candidateType,
            useCandidate: effect.useCandidate,
          });
        });
        break;
      case 'answer-check':
        this.#transmit(
          node,
          formatAddress(effect.path.remote),
          'response',
          (receiver, baseId, from) => {
            this.handle(receiver, {
              type: 'check-response',
              path: { baseId, remote: from },
              transactionId: Buffer.from(effect.transactionId).toString('hex'),
              mappedAddress: effect.path.remote,
              overheads: overheadsOf(this.wrapped(receiver, from)),
            });
          },
          node.arrivals.get(Buffer.from(effect.transactionId).toString('hex')),
        );
        break;
      case 'send-message':
        if (this.signaling) {
          this.at(this.now + this.latencyMs, () =>
            this.handle(this.other(node), { type: 'message', peer: node.key, message: effect.message }),
          );
        }
        break;
      case 'set-path':
        node.paths = effect.paths.map((path) => formatAddress(path.remote));
        break;
      case 'initiate-handshake':
        this.#handshake(node);
        break;
      default:
    }
  }

  #handshake(node: TestNode): void {
    const path = node.paths[0];
    if (path === undefined) return;
    this.#transmit(node, path, 'data', (receiver, baseId, from, arrivedOn) => {
      this.handle(receiver, { type: 'authenticated', peer: node.key, path: { baseId, remote: from } });
      this.#transmit(
        receiver,
        formatAddress(from),
        'data',
        (initiator, seenOn, remote) => {
          for (const end of [initiator, receiver]) {
            end.handshakes += 1;
            end.session = true;
            this.handle(end, { type: 'handshake', peer: this.other(end).key });
          }
          this.handle(initiator, { type: 'authenticated', peer: receiver.key, path: { baseId: seenOn, remote } });
        },
        arrivedOn,
      );
    });
  }

  #transmit(
    sender: TestNode,
    to: string,
    kind: EngineEffect['type'] | 'data' | 'response',
    arrive: Arrival,
    via?: TransportAddress,
  ): void {
    const receiver = Object.values(this.nodes).find((node) => node.addresses.some((a) => formatAddress(a) === to));
    const target = receiver?.addresses.find((address) => formatAddress(address) === to);
    const source = via ?? sender.addresses.find((address) => address.family === target?.family);
    if (receiver === undefined || target === undefined || source === undefined) return;
    const seen = this.translate(source, target);
    if (this.blocked(seen, target, kind)) return;
    this.at(this.now + this.latencyMs, () => arrive(receiver, `udp${target.family}`, seen, target));
  }
}

function overheadsOf(wrapped: number | 'plain' | undefined): readonly number[] {
  return typeof wrapped === 'number' ? [wrapped] : [];
}

export const host = (ip: string, port = 51820, priority = 2_000_000_000) =>
  ({ type: 'host', address: transportAddress(ip, port), priority }) as const;
