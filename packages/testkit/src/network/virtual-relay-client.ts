import {
  formatAddress,
  parseTransportAddress,
  type Base,
  type Clock,
  type Datagrams,
  type RelayFraming,
  type TransportAddress,
} from '@wirepath/core';
import {
  decodeChannelData,
  decodeJson,
  encodeChannelData,
  encodeJson,
  FIRST_CHANNEL,
  LAST_CHANNEL,
  type RelayMessage,
  type RelayRequest,
} from './virtual-relay-wire.js';
import type { VirtualHost, VirtualSocket } from './virtual-host.js';

export interface VirtualRelayClientNeeds {
  readonly allocationId: string;
  readonly server: TransportAddress;
  /** The socket of the transport's that leads there. */
  readonly base: Base;
  /** Reaches the server over a stream of this host's, in the place of `base`. */
  readonly streamFrom?: VirtualHost | undefined;
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly onLost: (reason: string) => void;
}

interface Pending {
  readonly bytes: Uint8Array;
  readonly done: (error: string | undefined, answer: Answer | undefined) => void;
  readonly sentAtMs: number;
  timer: Disposable | undefined;
}

type Answer = Extract<RelayMessage, { id: number }>;

const FIRST_RETRANSMISSION_MS = 500;
const ATTEMPTS = 6;
const RENEWAL_MS = 120_000;
/** NATs remember a connection for hours; a virtual one knows no difference. */
const STREAM_RENEWAL_MS = 20_000;

/** One allocation on a {@link VirtualRelayServer}, with callbacks in the place of promises, so that virtual time may jump. */
export class VirtualRelayClient {
  readonly #needs: VirtualRelayClientNeeds;
  readonly #pending = new Map<number, Pending>();
  /** A peer keeps its channel, whether or not it is permitted at present. */
  readonly #bound = new Map<string, { readonly channel: number; readonly framing: RelayFraming }>();
  readonly #permitted = new Set<string>();
  readonly #peers = new Map<number, TransportAddress>();
  readonly #listening: Disposable | undefined;
  readonly #stream: VirtualSocket | undefined;
  #renewal: Disposable | undefined;
  #nextId = 1;
  #nextChannel = FIRST_CHANNEL;
  #closed = false;
  relayedAddress: TransportAddress | undefined;
  mappedAddress: TransportAddress | undefined;
  rttMs: number | undefined;

  constructor(needs: VirtualRelayClientNeeds) {
    this.#needs = needs;
    this.#stream = needs.streamFrom?.bind(needs.server.family, 0, ({ bytes }) => void this.#receive(bytes), 'stream');
    if (this.#stream !== undefined) return;
    this.#listening = needs.datagrams.onDatagram(({ path, bytes }) => {
      if (path.kind !== 'socket' || path.base.id !== needs.base.id) return false;
      return formatAddress(path.remote) === formatAddress(needs.server) && this.#receive(bytes);
    });
  }

  allocate(done: (error: string | undefined) => void): void {
    this.#request({ do: 'allocate' }, (error, answer) => {
      this.relayedAddress = parseTransportAddress(answer?.relayed ?? '');
      if (error === undefined && this.relayedAddress !== undefined) this.#renewLater();
      done(error ?? (this.relayedAddress === undefined ? 'no relayed address' : undefined));
    });
  }

  permit(peer: TransportAddress, done: (error: string | undefined, framing: RelayFraming | undefined) => void): void {
    const key = formatAddress(peer);
    const bound = this.#bound.get(key) ?? this.#bind(peer);
    if (bound === undefined) return done('no channel is left', undefined);
    this.#request({ do: 'permit', peer: key, channel: bound.channel }, (error) => {
      if (error === undefined) this.#permitted.add(key);
      done(error, error === undefined ? bound.framing : undefined);
    });
  }

  release(peer: TransportAddress): void {
    this.#permitted.delete(formatAddress(peer));
  }

  refresh(done: (error: string | undefined) => void): void {
    this.#request({ do: 'refresh' }, (error) => {
      if (error !== undefined) this.#lose(error);
      done(error);
    });
  }

  /** Frees the allocation, waiting for nothing. */
  close(): void {
    if (this.#closed) return;
    if (this.relayedAddress !== undefined) this.#send(encodeJson({ id: 0, do: 'free' }));
    this.#end();
  }

  #bind(peer: TransportAddress): { channel: number; framing: RelayFraming } | undefined {
    if (this.#nextChannel > LAST_CHANNEL) return undefined;
    const channel = this.#nextChannel++;
    this.#peers.set(channel, peer);
    const { allocationId, base, server } = this.#needs;
    const send = (bytes: Uint8Array) => this.#stream?.send(server, encodeChannelData(channel, bytes));
    const framing: RelayFraming =
      this.#stream === undefined
        ? { kind: 'channel', allocationId, base, server, channel }
        : { kind: 'stream', allocationId, send };
    this.#bound.set(formatAddress(peer), { channel, framing });
    return { channel, framing };
  }

  /** @returns whether it was a relay's: a STUN server may have the same address. */
  #receive(bytes: Uint8Array): boolean {
    const { datagrams, allocationId } = this.#needs;
    const channelData = decodeChannelData(bytes);
    if (channelData !== undefined) {
      const remote = this.#peers.get(channelData.channel);
      // The server knows nothing of a release: the channel stays bound, and what comes on it is delivered.
      const framing = remote && this.#bound.get(formatAddress(remote))?.framing;
      if (remote !== undefined && framing !== undefined)
        datagrams.receive({ kind: 'relayed', framing, remote }, channelData.data);
      return true;
    }
    const message = decodeJson<RelayMessage>(bytes);
    if (message === undefined) return false;
    if ('from' in message) {
      const remote = parseTransportAddress(message.from);
      // There is no way back before the peer is permitted under this address.
      const framing = { kind: 'stream', allocationId, send: () => undefined } as const;
      if (remote !== undefined)
        datagrams.receive({ kind: 'relayed', framing, remote }, Buffer.from(message.data, 'base64'));
      return true;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return true;
    this.#pending.delete(message.id);
    pending.timer?.[Symbol.dispose]();
    this.rttMs = this.#needs.clock.now() - pending.sentAtMs;
    this.mappedAddress = parseTransportAddress(message.mapped ?? '') ?? this.mappedAddress;
    pending.done(message.error, message);
    return true;
  }

  #request(request: Omit<RelayRequest, 'id'>, done: Pending['done']): void {
    if (this.#closed) return done('the allocation is closed', undefined);
    const id = this.#nextId++;
    const sentAtMs = this.#needs.clock.now();
    const pending: Pending = { bytes: encodeJson({ id, ...request }), done, sentAtMs, timer: undefined };
    this.#pending.set(id, pending);
    this.#transmit(id, pending, 1);
  }

  #transmit(id: number, pending: Pending, attempt: number): void {
    this.#send(pending.bytes);
    pending.timer = this.#needs.clock.setTimeout(
      () => {
        if (attempt < ATTEMPTS) return this.#transmit(id, pending, attempt + 1);
        this.#pending.delete(id);
        pending.done('no answer', undefined);
      },
      FIRST_RETRANSMISSION_MS * 2 ** (attempt - 1),
    );
  }

  #send(bytes: Uint8Array): void {
    const { datagrams, base, server } = this.#needs;
    if (this.#stream !== undefined) this.#stream.send(server, bytes);
    else datagrams.send({ kind: 'socket', base, remote: server }, bytes);
  }

  /** The allocation, and every permission with its channel. */
  #renewLater(): void {
    this.#renewal = this.#needs.clock.setTimeout(
      () => {
        this.refresh(() => undefined);
        for (const [peer, { channel }] of this.#bound)
          if (this.#permitted.has(peer)) this.#request({ do: 'permit', peer, channel }, () => undefined);
        if (!this.#closed) this.#renewLater();
      },
      this.#stream === undefined ? RENEWAL_MS : STREAM_RENEWAL_MS,
    );
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    this.#end();
    this.#needs.onLost(reason);
  }

  #end(): void {
    this.#closed = true;
    this.#renewal?.[Symbol.dispose]();
    this.#listening?.[Symbol.dispose]();
    this.#stream?.close();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { timer, done } of waiting) {
      timer?.[Symbol.dispose]();
      done('the allocation is closed', undefined);
    }
  }
}
