import type { Clock, Logger, RelayFraming } from '@wirepath/core/plugin';
import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import { CHANNEL_QUARANTINE_MS, ChannelNumbers } from './channel-numbers.js';
import { failureOf, relayError } from './relay-error.js';
import type { TurnOutcome, TurnSession } from './turn-session.js';

/** Of 300 s (RFC 8656, section 9). */
export const PERMISSION_RENEWAL_MS = 4 * 60_000;
/** Of 600 s (RFC 8656, section 12). */
export const CHANNEL_RENEWAL_MS = 9 * 60_000;
/** After a renewal that was not answered. */
const RETRY_MS = 10_000;
/** Framings kept for permitted peers' other ports, which we did not ask for. */
const MAX_STRAYS = 256;

type StreamFraming = Extract<RelayFraming, { kind: 'stream' }>;

interface Permission {
  /** The peers that want it, the newest last. */
  readonly peers: Map<string, TransportAddress>;
  granted: Promise<void> | undefined;
  timer: Disposable | undefined;
}

interface PeerBinding {
  readonly peer: TransportAddress;
  readonly stream: StreamFraming;
  /** Of its channel, from the first ChannelBind on: that may have reached the server although no answer came. */
  number: number | undefined;
  /** Once the server has bound it. */
  channel: RelayFraming | undefined;
  /** When ChannelBind was last sent. */
  boundAtMs: number;
  /** False after release: the server still maps the channel for a while, so the number stays this peer's. */
  wanted: boolean;
  established: Promise<RelayFraming> | undefined;
  timer: Disposable | undefined;
}

export interface PeerBindingsOptions {
  readonly url: string;
  readonly allocationId: string;
  readonly session: Pick<TurnSession, 'channelFraming' | 'request' | 'sendIndication'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends when the allocation does. */
  readonly signal: AbortSignal;
  /** The server says that there is no allocation (437). */
  readonly onMismatch: (reason: string) => void;
}

/**
 * Permissions (by IP address) and channels (by address and port) of one allocation: installed, renewed apart from each
 * other, and given back. One address per request: a single 403 would lose the others.
 */
export class PeerBindings {
  readonly #options: PeerBindingsOptions;
  readonly #numbers = new ChannelNumbers();
  readonly #permissions = new Map<string, Permission>();
  readonly #bindings = new Map<string, PeerBinding>();
  readonly #byChannel = new Map<number, PeerBinding>();
  readonly #strays = new Map<string, StreamFraming>();

  constructor(options: PeerBindingsOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#stopTimers(), { once: true });
  }

  /** @throws CodedError TURN_RELAY when the server refuses this peer or does not answer; ABORTED. */
  permit(peer: TransportAddress): Promise<RelayFraming> {
    const key = formatAddress(peer);
    const binding = this.#bindings.get(key) ?? this.#add(key, peer);
    binding.wanted = true;
    binding.established ??= this.#establish(key, binding).catch((error: unknown) => {
      binding.established = undefined;
      this.release(peer);
      throw error;
    });
    return binding.established;
  }

  release(peer: TransportAddress): void {
    const key = formatAddress(peer);
    const binding = this.#bindings.get(key);
    if (binding === undefined) return;
    binding.wanted = false;
    binding.established = undefined;
    binding.timer?.[Symbol.dispose]();
    binding.timer = undefined;
    if (binding.number === undefined) this.#bindings.delete(key);
    const permission = this.#permissions.get(peer.ip);
    // A peer whose IP address another one shares leaves the permission to it.
    if (permission?.peers.delete(key) !== true || permission.peers.size > 0) return;
    permission.timer?.[Symbol.dispose]();
    this.#permissions.delete(peer.ip);
  }

  /** Whose channel this is. */
  ofChannel(number: number): { readonly peer: TransportAddress; readonly framing: RelayFraming } | undefined {
    const binding = this.#byChannel.get(number);
    return binding?.channel && { peer: binding.peer, framing: binding.channel };
  }

  /** How to answer a peer whose data came in an indication; undefined where its IP address has no permission. */
  framingOf(peer: TransportAddress): RelayFraming | undefined {
    const key = formatAddress(peer);
    const binding = this.#bindings.get(key);
    if (binding?.wanted === true) return binding.channel ?? binding.stream;
    return this.#permissions.has(peer.ip) ? this.#stray(key, peer) : undefined;
  }

  async #establish(key: string, binding: PeerBinding): Promise<RelayFraming> {
    const { peer } = binding;
    // Both at once: one round trip. ChannelBind would install the permission too, but may be refused for itself.
    const [channelRefusal] = await Promise.all([this.#bindChannel(binding), this.#grant(key, peer)]);
    if (channelRefusal !== undefined) {
      const { logger, url } = this.#options;
      logger.debug('no channel, so Send indications', { relay: url, peer: key, reason: channelRefusal });
    }
    return binding.channel ?? binding.stream;
  }

  /** Installs the permission for the peer's IP address, or joins who has it already. */
  #grant(key: string, peer: TransportAddress): Promise<void> {
    const permission = this.#permissions.get(peer.ip) ?? {
      peers: new Map<string, TransportAddress>(),
      granted: undefined,
      timer: undefined,
    };
    this.#permissions.set(peer.ip, permission);
    permission.peers.set(key, peer);
    permission.granted ??= this.#createPermission(peer).then((outcome) => {
      if (outcome.kind === 'success') return this.#renewPermissionAfter(PERMISSION_RENEWAL_MS, peer.ip, permission);
      permission.granted = undefined;
      throw this.#failure('CreatePermission', peer, outcome);
    });
    return permission.granted;
  }

  #renewPermissionAfter(delayMs: number, ip: string, permission: Permission): void {
    if (this.#permissions.get(ip) !== permission || this.#options.signal.aborted) return;
    permission.timer = this.#options.clock.setTimeout(() => {
      // A server may look at the port, too (ours does for its own address): the newest is the likeliest to be alive.
      const newest = [...permission.peers.values()].at(-1);
      if (newest === undefined) return;
      this.#renew(
        () => this.#createPermission(newest),
        'CreatePermission',
        newest,
        (answer) => {
          if (answer === 'refused') this.release(newest);
          const nextMs = { success: PERMISSION_RENEWAL_MS, unanswered: RETRY_MS, refused: 0 }[answer];
          this.#renewPermissionAfter(nextMs, ip, permission);
        },
      );
    }, delayMs);
  }

  /** @returns why there is no channel, which is no failure; throws where the server refuses the peer (403). */
  async #bindChannel(binding: PeerBinding): Promise<string | undefined> {
    const { session, clock, allocationId } = this.#options;
    const number = binding.number ?? this.#takeNumber();
    if (number === undefined) return 'all channels are bound';
    binding.number = number;
    binding.boundAtMs = clock.now();
    this.#byChannel.set(number, binding);
    const outcome = await this.#requestChannel(number, binding.peer);
    if (outcome.kind === 'success') {
      binding.channel ??= session.channelFraming(allocationId, number);
      this.#renewChannelAfter(CHANNEL_RENEWAL_MS, binding, number);
      return undefined;
    }
    const failure = this.#failure('ChannelBind', binding.peer, outcome);
    if (outcome.kind === 'unanswered') throw failure;
    if (binding.channel === undefined) {
      binding.number = undefined;
      this.#byChannel.delete(number);
      this.#numbers.giveBack(number, clock.now());
    }
    if (outcome.code !== 403) return failure.message;
    throw failure;
  }

  #renewChannelAfter(delayMs: number, binding: PeerBinding, number: number): void {
    const { clock, signal } = this.#options;
    if (!binding.wanted || signal.aborted) return;
    binding.timer?.[Symbol.dispose]();
    binding.timer = clock.setTimeout(() => {
      binding.boundAtMs = clock.now();
      this.#renew(
        () => this.#requestChannel(number, binding.peer),
        'ChannelBind',
        binding.peer,
        (answer) => {
          // The next permit() asks anew.
          if (answer === 'refused') return this.release(binding.peer);
          this.#renewChannelAfter(answer === 'success' ? CHANNEL_RENEWAL_MS : RETRY_MS, binding, number);
        },
      );
    }, delayMs);
  }

  /** Runs a renewal in the background. */
  #renew(
    request: () => Promise<TurnOutcome>,
    what: string,
    peer: TransportAddress,
    then: (answer: TurnOutcome['kind']) => void,
  ): void {
    request().then(
      (outcome) => {
        if (outcome.kind === 'refused') {
          const { message } = this.#failure(what, peer, outcome);
          this.#options.logger.warn('relay: a peer can no longer be reached through it', { reason: message });
        }
        then(outcome.kind);
      },
      // The only rejection: the allocation has ended, and all renewals with it.
      () => undefined,
    );
  }

  #createPermission(peer: TransportAddress): Promise<TurnOutcome> {
    const { session, signal } = this.#options;
    return session.request({ method: 'create-permission', peerAddresses: [peer] }, { signal });
  }

  #requestChannel(channelNumber: number, peer: TransportAddress): Promise<TurnOutcome> {
    const { session, signal } = this.#options;
    return session.request({ method: 'channel-bind', channelNumber, peerAddresses: [peer] }, { signal });
  }

  #failure(what: string, peer: TransportAddress, outcome: Exclude<TurnOutcome, { kind: 'success' }>): Error {
    const reason = failureOf(`${what} for ${formatAddress(peer)}`, outcome);
    if (outcome.kind === 'refused' && outcome.code === 437) this.#options.onMismatch(reason);
    return relayError(this.#options.url, reason);
  }

  #takeNumber(): number | undefined {
    const { clock } = this.#options;
    const nowMs = clock.now();
    for (const [number, binding] of this.#byChannel) {
      if (binding.wanted || binding.boundAtMs + CHANNEL_QUARANTINE_MS > nowMs) continue;
      this.#byChannel.delete(number);
      this.#bindings.delete(formatAddress(binding.peer));
      this.#numbers.giveBack(number, nowMs);
    }
    return this.#numbers.take(nowMs);
  }

  #add(key: string, peer: TransportAddress): PeerBinding {
    const stream = this.#strays.get(key) ?? this.#newStream(peer);
    this.#strays.delete(key);
    const binding: PeerBinding = {
      peer,
      stream,
      number: undefined,
      channel: undefined,
      boundAtMs: -Infinity,
      wanted: true,
      established: undefined,
      timer: undefined,
    };
    this.#bindings.set(key, binding);
    return binding;
  }

  #stray(key: string, peer: TransportAddress): StreamFraming {
    const framing = this.#strays.get(key) ?? this.#newStream(peer);
    // Set again: the Map's order is that of use, and the longest unused one goes.
    this.#strays.delete(key);
    this.#strays.set(key, framing);
    const [oldest] = this.#strays.keys();
    if (oldest !== undefined && this.#strays.size > MAX_STRAYS) this.#strays.delete(oldest);
    return framing;
  }

  #newStream(peer: TransportAddress): StreamFraming {
    const { session, allocationId } = this.#options;
    return { kind: 'stream', allocationId, send: (bytes) => session.sendIndication(peer, bytes) };
  }

  #stopTimers(): void {
    for (const { timer } of this.#permissions.values()) timer?.[Symbol.dispose]();
    for (const { timer } of this.#bindings.values()) timer?.[Symbol.dispose]();
  }
}
