import { Counters } from '../../base/counting/counters.js';
import { Sightings } from '../../base/counting/sightings.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Identity, PublicKey } from '../../base/identity/identity.js';
import type { Signaling } from '../../contracts/signaling.js';
import { MessageSeal, type OpenedMessage } from '../sealing/message-seal.js';
import { wrapError } from '../../base/errors/wrap-error.js';
import { PluginPhases } from '../../base/guard/plugin-phases.js';
import { within } from '../../base/time/deadline.js';
import type { CallMessage } from '../../engine/messages.js';
import type { DriverEvent } from '../driver/events.js';
import { Paced } from '../timing/paced.js';

/** Sealing is three X25519 operations: a node with thousands of peers seals some hundred messages in a second. */
const SEALING_PACE = { atOnce: 16, turnMs: 20 };

export interface SignalExchangeNeeds {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly signalings: readonly { readonly plugin: string; readonly instance: Signaling }[];
  /** Messages of others are dropped unread. */
  readonly isPeer: (publicKey: PublicKey) => boolean;
  /** Of a peer, as people know it. */
  readonly nameOf: (publicKey: PublicKey) => string | undefined;
  /** What came of signalling. */
  readonly onEvent: (event: DriverEvent) => void;
  /** Told whose start is being waited for. */
  readonly phases?: PluginPhases;
}

/** Two servers may deliver in another order than they were given; more than this is a clock that was set back. */
const CLOCK_BEHIND_MS = 10_000;

/** Starting is not connecting: one that takes longer hangs. */
const START_TIMEOUT_MS = 25_000;

/** Sealed messages over every signalling plugin at once: published on all, taken from any, the first copy counts. */
export class SignalExchange {
  /** Messages dropped, by reason. */
  readonly counters = new Counters();
  /** Of peers, and of others, who must not crowd those out. */
  readonly #peerSightings: Sightings;
  readonly #strangers: Sightings;
  readonly #seal: MessageSeal;
  readonly #subscriptions: Disposable[] = [];
  readonly #sealing: Paced<PublicKey>;
  /** Messages that wait to be sealed: one for each peer, as what is newer says all that is older. */
  readonly #waiting = new Map<PublicKey, CallMessage>();
  /** Servers that are up, by URL. */
  #up = new Set<string>();

  constructor(readonly needs: SignalExchangeNeeds) {
    this.#peerSightings = new Sightings(needs.clock);
    this.#strangers = new Sightings(needs.clock);
    this.#seal = new MessageSeal(needs.identity, needs.clock, needs.random);
    this.#sealing = new Paced(needs.clock, SEALING_PACE);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { signalings, onEvent, clock, phases = new PluginPhases() } = this.needs;
    const startOf = (plugin: string) => ({ clock, signal, timeoutMs: START_TIMEOUT_MS, what: `${plugin}: start` });
    for (const { instance } of signalings) {
      const subscriptions = [
        instance.onMessage(({ from, sealed }) => this.#receive(from, sealed)),
        instance.onStateChange(() => this.#stateChanged()),
        instance.onUndeliverable?.(({ to }) => onEvent({ type: 'peer-undeliverable', peer: to })),
        instance.onAvailable?.(({ publicKey }) => onEvent({ type: 'peer-available', peer: publicKey })),
      ];
      this.#subscriptions.push(...subscriptions.filter((subscription) => subscription !== undefined));
    }
    await Promise.all(
      signalings.map(({ plugin, instance }) =>
        phases
          .track(plugin, 'start', () => within(() => instance.start({ signal }), startOf(plugin)))
          .catch((error: unknown) => {
            throw wrapError(error, { name: plugin, hook: 'start', code: 'PLUGIN_FAILED' });
          }),
      ),
    );
  }

  async stop(): Promise<void> {
    this.#sealing.stop();
    this.#waiting.clear();
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    // One that fails must not keep the others from having stopped.
    const ends = await Promise.allSettled(this.needs.signalings.map(({ instance }) => instance.stop()));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** The network may have changed. */
  nudge(): void {
    for (const { instance } of this.needs.signalings) instance.nudge?.();
  }

  get isUp(): boolean {
    return this.needs.signalings.some(({ instance }) => instance.states().some(({ state }) => state === 'up'));
  }

  /** Peers that have sent us something go before those that may not be there. */
  send(to: PublicKey, message: CallMessage): void {
    const waiting = this.#waiting.get(to);
    this.#waiting.set(to, waiting === undefined ? message : merged(waiting, message));
    this.#sealing.do(to, () => this.#sealAndPublish(to), { urgent: this.#seal.hasOpened(to) });
  }

  #sealAndPublish(to: PublicKey): void {
    const message = this.#waiting.get(to);
    this.#waiting.delete(to);
    if (message === undefined) return;
    const sealed = this.#seal.seal(to, message);
    if (sealed === undefined) return;
    for (const { instance } of this.needs.signalings) instance.publish(to, sealed);
  }

  forget(peer: PublicKey): void {
    this.#seal.forget(peer);
    this.#peerSightings.settle(peer);
    this.#sealing.drop(peer);
    this.#waiting.delete(peer);
  }

  /** Of several servers, one that comes up has not told anybody of us yet; one that goes down matters when it was the last. */
  #stateChanged(): void {
    const before = this.#up;
    const states = this.needs.signalings.flatMap(({ instance }) => instance.states());
    this.#up = new Set(states.filter(({ state }) => state === 'up').map(({ url }) => url));
    const isNewUp = [...this.#up].some((url) => !before.has(url));
    if (isNewUp || (this.#up.size === 0 && before.size > 0))
      this.needs.onEvent({ type: 'signaling-state', up: this.#up.size > 0 });
  }

  #receive(from: PublicKey, sealed: Uint8Array): void {
    const opened = this.#seal.open(from, sealed, (key) => this.needs.isPeer(key));
    if ('message' in opened) {
      this.#peerSightings.settle(from);
      this.#strangers.settle(from);
      this.needs.onEvent({ type: 'message', peer: from, message: opened.message });
      return;
    }
    this.counters.count(`message-${opened.dropped}`);
    const sentence = this.#sentence(from, opened);
    const sightings = opened.dropped === 'unknown-sender' ? this.#strangers : this.#peerSightings;
    if (sentence !== undefined) sightings.see(from, () => sentence);
  }

  /** What whoever runs this node can do about a message that was dropped; undefined where that is nothing. */
  #sentence(from: PublicKey, dropped: Exclude<OpenedMessage, { message: CallMessage }>): string | undefined {
    const known = this.needs.nameOf(from);
    const name = known ?? from;
    switch (dropped.dropped) {
      case 'unknown-sender':
        return known === undefined
          ? `${from} calls this node, which has no such peer: if it is one of yours, add it to peers here`
          : `${known} calls this node, where it has an endpoint and so is not called: give it one there too, or take this one away`;
      case 'stale':
        return dropped.behindMs < CLOCK_BEHIND_MS
          ? undefined
          : `${name}: what it says is dropped, for it is ${duration(dropped.behindMs)} older than what it said before: ` +
              `its clock was ahead, or is behind now; set it, then restart this node`;
      case 'forged':
        return `${name}: a message in its name was not sealed by it for this node: compare publicKey on both sides with their private keys`;
      case 'malformed':
        return `${name}: its messages cannot be read here: run the same version on both sides`;
    }
  }

  /** What was dropped lately and can mean somebody's mistake, one line each. */
  problems(): string[] {
    return [...this.#peerSightings.problems(), ...this.#strangers.problems()];
  }
}

/** The newer message, which still asks and tells what the one before it did. */
function merged(older: CallMessage, newer: CallMessage): CallMessage {
  return {
    ...newer,
    call: newer.call || older.call,
    asksForEvidence: newer.asksForEvidence || older.asksForEvidence,
    evidence: newer.evidence ?? older.evidence,
  };
}

/** In the largest unit that fits twice. */
function duration(ms: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['days', 86_400_000],
    ['hours', 3_600_000],
    ['minutes', 60_000],
    ['seconds', 1000],
  ];
  const [name, length] = units.find(([, unitMs]) => ms >= 2 * unitMs) ?? ['seconds', 1000];
  return `${Math.round(ms / length)} ${name}`;
}
