import type { Clock, Counters, Guard, Logger, RandomSource } from '@wirepath/core/plugin';
import {
  encodeBareResponse,
  formatAddress,
  MAX_LEGACY_CHANNEL,
  MIN_CHANNEL,
  type StunMessage,
  type StunMessageFields,
  transportAddress,
  type TransportAddress,
} from '@wirepath/stun-codec';
import type { RequestAdmission } from './request-admission.js';
import { grantedLifetime, readAllocateRequest, type AllocateRequest, type StunError } from './allocate-request.js';
import { whyFull, type AllocationLimits, type Occupancy } from './allocation-quota.js';
import type { AllocationTable } from './allocation-table.js';
import { Drain, DRAINING } from './drain.js';
import type { ServerDropReason } from './drop-reason.js';
import { encodeAnswer, isTurnRequest, ownCopy, respond, tupleOf, type Exchange } from './exchange.js';
import { holderOf, type Holder } from './fair-share.js';
import type { FiveTuple } from './five-tuple.js';
import type { MachineAddresses } from './machine-addresses.js';
import type { PeerPolicy } from './peer-policy.js';
import type { RelayMistakes } from './relay-mistakes.js';
import { PortReservations } from './port-reservations.js';
import type { RelayPort, RelayPorts } from './relay-ports.js';
import type { RelayedTraffic } from './relayed-traffic.js';
import { REMEMBERED_MS, RememberedDeletions } from './remembered-deletions.js';
import { ServerAllocation } from './server-allocation.js';
import type { ServerSocket } from './server-socket.js';

/** How often what has expired is thrown away; whether it has expired is looked at on every use. */
const SWEEP_INTERVAL_MS = 5000;

export interface TurnServerNeeds extends AllocationLimits {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly drops: Counters<ServerDropReason>;
  readonly admission: RequestAdmission;
  readonly table: AllocationTable;
  readonly traffic: RelayedTraffic;
  readonly policy: PeerPolicy;
  readonly mistakes: Pick<RelayMistakes, 'refused' | 'allocated'>;
  readonly own: MachineAddresses;
  /** How many may relay at present: one alone shares with nobody. */
  readonly userCount: () => number;
  readonly ports: RelayPorts;
}

/** The TURN server (RFC 8656): requests in, responses and changes of the allocation table out. */
export class TurnServer {
  readonly #options: TurnServerNeeds;
  readonly #reservations: PortReservations;
  /** 5-tuples whose Allocate waits for its socket. */
  readonly #pending = new Map<string, Holder>();
  readonly #deletions = new RememberedDeletions();
  readonly #drain = new Drain();
  #ownGeneration = 0;
  #limits: AllocationLimits;
  #sweep: Disposable | undefined;
  #stopped = false;

  constructor(options: TurnServerNeeds) {
    this.#options = options;
    this.#limits = options;
    this.#reservations = new PortReservations(options.random);
  }

  setLimits(limits: AllocationLimits): void {
    this.#limits = limits;
  }

  /** The 5-tuple as text where there is a living allocation for it. */
  allocated(client: FiveTuple): string | undefined {
    const allocation = this.#live(client, this.#options.clock.now());
    return allocation === undefined ? undefined : tupleOf(client);
  }

  /** A decoded STUN message of any method but Binding. */
  receive(client: FiveTuple, request: StunMessage): void {
    const { drops, clock, admission, traffic } = this.#options;
    const nowMs = clock.now();
    const allocation = this.#live(client, nowMs);
    if (request.class === 'indication' && request.method === 'send') {
      if (allocation === undefined) return drops.count('no-allocation');
      return traffic.receiveSend(allocation, request);
    }
    if (request.class !== 'request' || !isTurnRequest(request)) return drops.count('unexpected-message');
    const tuple = tupleOf(client);
    const allocationUser = allocation?.owner.username;
    const admitted = admission.admit({ request, ip: client.ip, tuple, allocationUser, nowMs, unixMs: clock.unixMs() });
    if (admitted.kind === 'dropped') return drops.count(admitted.reason);
    if (admitted.kind === 'refused') {
      if (admitted.unauthenticated && allocation !== undefined) this.#endIfUserIsGone(allocation, request);
      // At once, so that who looks for a relay goes elsewhere; it is shorter than the challenge.
      const answer = this.#drain.isOn && isNew(request, allocation) ? drainingAnswer(request) : admitted.answer;
      if (!client.socket.send(answer, client.to)) drops.count('send-failed');
      return;
    }
    const repeated = this.#repeatedAnswer(request, tuple, allocation, nowMs);
    if (repeated !== undefined) return void client.socket.send(repeated, client.to);
    this.#answer({ client, request, tuple, ...admitted }, allocation, nowMs);
  }

  /** A socket is closed that clients sent to. @param why for the log. */
  endThrough(socket: ServerSocket, why: string): void {
    for (const allocation of this.#options.table.through(socket)) this.#end(allocation, why);
  }

  /** No allocations from now on, and those that there are last `withinMs` at most. Resolves when there is none. */
  drain(withinMs: number): Promise<void> {
    const nowMs = this.#options.clock.now();
    const drained = this.#drain.begin(nowMs + withinMs);
    // What was kept for an allocation to come is no reason to wait.
    for (const port of this.#reservations.expire(Infinity)) void port.close();
    this.#throwAway(nowMs);
    this.#endDrain();
    return drained;
  }

  /** Ends all allocations and leaves no timer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#sweep?.[Symbol.dispose]();
    this.#sweep = undefined;
    this.#drain.done();
    const ports = this.#reservations.expire(Infinity);
    for (const allocation of [...this.#options.table]) {
      this.#options.table.remove(allocation);
      ports.push(allocation.port);
    }
    this.#deletions.clear();
    await Promise.all(ports.map((port) => port.close()));
  }

  #answer(exchange: Exchange, allocation: ServerAllocation | undefined, nowMs: number): void {
    const { request } = exchange;
    const unknown = request.unknownRequired;
    if (unknown.length > 0)
      return this.#refuse(exchange, { code: 420, reason: 'Unknown Attribute' }, { unknownAttributes: unknown });
    if (request.method === 'allocate') {
      if (allocation !== undefined) return this.#refuse(exchange, { code: 437, reason: 'Allocation Mismatch' });
      if (this.#drain.isOn) return respond(exchange, encodeAnswer(exchange, { class: 'error', errorCode: DRAINING }));
      return this.#beginAllocate(exchange, nowMs);
    }
    if (allocation === undefined) return this.#refuse(exchange, { code: 437, reason: 'Allocation Mismatch' });
    if (allocation.owner.username !== exchange.username)
      return this.#refuse(exchange, { code: 441, reason: 'Wrong Credentials' });
    if (request.method === 'refresh') return this.#refresh(exchange, allocation, nowMs);
    if (request.method === 'create-permission') return this.#createPermission(exchange, allocation, nowMs);
    return this.#bindChannel(exchange, allocation, nowMs);
  }

  #beginAllocate(exchange: Exchange, nowMs: number): void {
    const { ports, drops } = this.#options;
    const wanted = readAllocateRequest(exchange.request);
    if ('error' in wanted) return this.#refuse(exchange, wanted.error);
    if (wanted.family !== undefined && !ports.hasFamily(wanted.family))
      return this.#refuse(exchange, { code: 440, reason: 'Address Family not Supported' });
    const { tuple, username } = exchange;
    if (this.#pending.has(tuple)) return drops.count('allocation-pending');
    // What has expired must not stand in the way.
    this.#throwAway(nowMs);
    const holder = holderOf(exchange.account, exchange.client.ip);
    // A port that is kept for it is counted already.
    const isKept = this.#reservations.has(wanted.reservationToken ?? '', username, nowMs);
    const full = isKept ? undefined : whyFull(wanted, holder, this.#limits, this.#occupancy(holder));
    if (full !== undefined) return this.#refuse(exchange, full);
    this.#pending.set(tuple, holder);
    this.#openPorts(wanted, exchange, nowMs)
      .then((opened) => {
        this.#pending.delete(tuple);
        this.#completeAllocate(exchange, wanted, holder, opened);
      })
      .catch((error: unknown) => {
        this.#pending.delete(tuple);
        drops.count('internal-error');
        this.#options.guard.failed('allocation', error);
      })
      .finally(() => this.#endDrain());
  }

  #occupancy(holder: Holder): Occupancy {
    const { table, ports, userCount } = this.#options;
    const kept = [...this.#pending.values(), ...this.#reservations.holders()];
    return { size: table.size, held: table.countOf(holder), kept, ports: ports.capacity, users: userCount() };
  }

  async #openPorts(wanted: AllocateRequest, exchange: Exchange, nowMs: number): Promise<readonly RelayPort[]> {
    const { family, reservationToken, parity, reserveNext } = wanted;
    const place = { asked: exchange.client.socket.local, client: exchange.client };
    if (family !== undefined) return (await this.#options.ports.open(family, place, parity, reserveNext ? 2 : 1)) ?? [];
    const kept = this.#reservations.take(reservationToken ?? '', exchange.username, nowMs);
    return kept === undefined ? [] : [kept];
  }

  #completeAllocate(exchange: Exchange, wanted: AllocateRequest, holder: Holder, opened: readonly RelayPort[]): void {
    const { clock, table, traffic, logger, mistakes } = this.#options;
    const [port, next] = opened;
    if (this.#stopped) {
      for (const unwanted of opened) void unwanted.close();
      return;
    }
    if (port === undefined) return this.#refuse(exchange, { code: 508, reason: 'Insufficient Capacity' });
    mistakes.allocated(port.relayedAddress, exchange.client);
    const nowMs = clock.now();
    const { client, request, username, key } = exchange;
    const token = next === undefined ? undefined : this.#reservations.keep(next, holder, nowMs);
    const response = encodeAnswer(exchange, {
      class: 'success',
      relayedAddress: port.relayedAddress,
      mappedAddress: client,
      lifetimeSeconds: wanted.lifetimeSeconds,
      reservationToken: token,
    });
    const allocation = new ServerAllocation({
      owner: { client, username, key, holder },
      port,
      first: {
        transactionKey: request.transactionKey,
        response: ownCopy(response),
        untilMs: nowMs + REMEMBERED_MS,
      },
      expiresAtMs: nowMs + wanted.lifetimeSeconds * 1000,
    });
    port.socket.start(traffic.receiverAt(allocation));
    table.add(allocation);
    this.#scheduleSweep();
    respond(exchange, response);
    logger.debug('allocation made', {
      client: formatAddress(client),
      relayedAddress: formatAddress(port.relayedAddress),
      username,
    });
  }

  #refresh(exchange: Exchange, allocation: ServerAllocation, nowMs: number): void {
    const { request } = exchange;
    const family = request.requestedAddressFamily;
    if (family !== undefined && family !== allocation.port.relayedAddress.family)
      return this.#refuse(exchange, { code: 443, reason: 'Peer Address Family Mismatch' });
    if (request.lifetimeSeconds === 0) {
      const response = encodeAnswer(exchange, { class: 'success', lifetimeSeconds: 0 });
      this.#end(allocation, 'deleted');
      this.#deletions.add(exchange.tuple, request.transactionKey, ownCopy(response), nowMs);
      return respond(exchange, response);
    }
    const lifetimeSeconds = this.#drain.atMost(grantedLifetime(request.lifetimeSeconds), nowMs);
    allocation.expiresAtMs = nowMs + lifetimeSeconds * 1000;
    this.#succeed(exchange, { lifetimeSeconds });
  }

  #createPermission(exchange: Exchange, allocation: ServerAllocation, nowMs: number): void {
    const peers = exchange.request.peerAddresses;
    if (peers.length === 0) return this.#refuse(exchange, { code: 400, reason: 'Bad Request' });
    const judged = this.#judge(exchange, allocation, peers);
    if (judged === undefined) return;
    allocation.expire(nowMs);
    if (!allocation.hasRoomFor(peers.map(({ ip }) => ip)))
      return this.#refuse(exchange, { code: 508, reason: 'Insufficient Capacity' });
    for (const { ip, scope } of judged) allocation.permit(ip, scope, nowMs);
    this.#succeed(exchange, {});
  }

  #bindChannel(exchange: Exchange, allocation: ServerAllocation, nowMs: number): void {
    const { channelNumber, peerAddresses } = exchange.request;
    const [peer] = peerAddresses;
    if (channelNumber === undefined || channelNumber < MIN_CHANNEL || channelNumber > MAX_LEGACY_CHANNEL)
      return this.#refuse(exchange, { code: 400, reason: 'CHANNEL-NUMBER is not 0x4000 to 0x7FFE' });
    if (peer === undefined || peerAddresses.length > 1 || peer.port === 0)
      return this.#refuse(exchange, { code: 400, reason: 'XOR-PEER-ADDRESS is not one address' });
    const judged = this.#judge(exchange, allocation, peerAddresses)?.[0];
    if (judged === undefined) return;
    allocation.expire(nowMs);
    const bound = allocation.hasRoomFor([peer.ip]) ? allocation.bindChannel(channelNumber, peer, nowMs) : 'full';
    if (bound === 'conflict')
      return this.#refuse(exchange, { code: 400, reason: 'channel or peer is bound otherwise' });
    if (bound === 'full' || !allocation.permit(peer.ip, judged.scope, nowMs))
      return this.#refuse(exchange, { code: 508, reason: 'Insufficient Capacity' });
    this.#succeed(exchange, {});
  }

  /** All or none. @returns undefined when the request has been refused. */
  #judge(
    exchange: Exchange,
    allocation: ServerAllocation,
    peers: readonly TransportAddress[],
  ): { ip: string; scope: 'open' | 'relayed-only' }[] | undefined {
    const judged: { ip: string; scope: 'open' | 'relayed-only' }[] = [];
    for (const peer of peers) {
      if (peer.family !== allocation.port.relayedAddress.family) {
        this.#refuse(exchange, { code: 443, reason: 'Peer Address Family Mismatch' });
        return undefined;
      }
      const scope = this.#options.policy.judge(peer);
      if (scope === 'refused') {
        this.#refuse(exchange, { code: 403, reason: 'Forbidden' });
        return undefined;
      }
      judged.push({ ip: peer.ip, scope });
    }
    return judged;
  }

  #live(client: FiveTuple, nowMs: number): ServerAllocation | undefined {
    const allocation = this.#options.table.ofClient(client);
    if (allocation === undefined || allocation.expiresAtMs > nowMs) return allocation;
    this.#end(allocation, 'expired');
    return undefined;
  }

  /** Looked for after authentication. That of a Refresh 0 may come when the next allocation is there, which it must not end. */
  #repeatedAnswer(
    { method, transactionKey }: StunMessage,
    tuple: string,
    allocation: ServerAllocation | undefined,
    nowMs: number,
  ): Uint8Array | undefined {
    if (method === 'refresh') return this.#deletions.find(tuple, transactionKey, nowMs);
    return method === 'allocate' ? allocation?.firstAnswer(transactionKey, nowMs) : undefined;
  }

  /** A user who was removed, or given another secret, while an allocation lived: it ends when its client comes back. */
  #endIfUserIsGone(allocation: ServerAllocation, request: StunMessage): void {
    const { username, key } = allocation.owner;
    if (request.username === username && request.verifyIntegrity(key)) this.#end(allocation, 'user removed');
  }

  #end(allocation: ServerAllocation, why: string): void {
    const { table, logger } = this.#options;
    if (!table.remove(allocation)) return;
    void allocation.port.close();
    logger.debug('allocation ended', { relayedAddress: formatAddress(allocation.port.relayedAddress), why });
    this.#endDrain();
  }

  #endDrain(): void {
    if (this.#options.table.size + this.#pending.size === 0) this.#drain.done();
  }

  #throwAway(nowMs: number): void {
    for (const allocation of [...this.#options.table]) {
      if (allocation.expiresAtMs <= nowMs) this.#end(allocation, 'expired');
      else allocation.expire(nowMs);
    }
    for (const port of this.#reservations.expire(nowMs)) void port.close();
    this.#deletions.expire(nowMs);
    this.#followOwnAddresses();
  }

  /** A permission that was given before its address became this host's must not reach the host's services. */
  #followOwnAddresses(): void {
    const { own, policy, table } = this.#options;
    own.look();
    if (own.generation === this.#ownGeneration) return;
    this.#ownGeneration = own.generation;
    for (const allocation of table) allocation.restrict((ip) => policy.judge(transportAddress(ip, 0)) === 'open');
  }

  #scheduleSweep(): void {
    const { clock, table } = this.#options;
    if (this.#sweep !== undefined || this.#stopped || table.size + this.#reservations.size === 0) return;
    this.#sweep = clock.setTimeout(() => {
      this.#sweep = undefined;
      this.#throwAway(clock.now());
      this.#scheduleSweep();
    }, SWEEP_INTERVAL_MS);
  }

  #refuse(exchange: Exchange, errorCode: StunError, fields: Partial<StunMessageFields> = {}): void {
    this.#options.mistakes.refused(errorCode, exchange.username, exchange.request.peerAddresses);
    respond(exchange, encodeAnswer(exchange, { class: 'error', errorCode, ...fields }));
  }

  #succeed(exchange: Exchange, fields: Partial<StunMessageFields>): void {
    respond(exchange, encodeAnswer(exchange, { class: 'success', ...fields }));
  }
}

function isNew({ method }: StunMessage, allocation: ServerAllocation | undefined): boolean {
  return method === 'allocate' && allocation === undefined;
}

function drainingAnswer({ method, transactionId, hasFingerprint: fingerprint }: StunMessage): Buffer {
  const { code, reason } = DRAINING;
  return encodeBareResponse({ method, transactionId, errorCode: code, reason, fingerprint });
}
