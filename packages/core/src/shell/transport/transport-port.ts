import { Counters } from '../../base/counting/counters.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { TransportPath } from '../../contracts/path.js';
import type { Transport } from '../../contracts/transport.js';
import { enginePathOf } from '../../engine/engine-path.js';
import type { TransportEffect } from '../driver/effects.js';
import type { CheckEvent, DriverEvent } from '../driver/events.js';
import type { LoopWatch } from './loop-watch.js';

export type SendCheck = Extract<TransportEffect, { type: 'send-check' }>;

/** What was made of a datagram: an event for the driver, somebody else's, or a check that proves nothing. */
export type CheckReading = CheckEvent | 'not-a-check' | 'unknown-user' | 'forged';

/** Connectivity checks as bytes. */
export interface CheckCodec {
  /** Takes checks of `peer` under this credential, and under no other from now on. */
  expect(peer: PublicKey, ufrag: string, password: string): void;
  forget(peer: PublicKey): void;
  encodeCheck(check: SendCheck): Uint8Array;
  /** @returns undefined when the peer was removed meanwhile. */
  encodeAnswer(peer: PublicKey, transactionId: Uint8Array, to: TransportPath): Uint8Array | undefined;
  read(path: TransportPath, bytes: Uint8Array): CheckReading;
}

export interface TransportPortNeeds {
  readonly transport: Transport;
  readonly checks: CheckCodec;
  readonly loops: LoopWatch;
  readonly onEvent: (event: DriverEvent) => void;
}

/** The transport as the driver sees it: its events, its paths, and checks on its sockets. */
export class TransportPort {
  /** Checks dropped, by reason. */
  readonly counters = new Counters();
  readonly #needs: TransportPortNeeds;
  readonly #subscriptions: Disposable[] = [];

  constructor(needs: TransportPortNeeds) {
    this.#needs = needs;
  }

  start(): void {
    const { transport, onEvent } = this.#needs;
    const { datagrams } = transport;
    if (datagrams !== undefined)
      this.#subscriptions.push(datagrams.onDatagram(({ path, bytes }) => this.#receive(path, bytes)));
    this.#subscriptions.push(
      transport.onAuthenticated(({ publicKey, path }) =>
        onEvent({ type: 'authenticated', peer: publicKey, path: enginePathOf(path) }),
      ),
      transport.onSent(({ publicKey }) => onEvent({ type: 'sent', peer: publicKey })),
      transport.onHandshake(({ publicKey }) => onEvent({ type: 'handshake', peer: publicKey })),
      transport.onEndpointSuggested(({ publicKey, endpoint }) =>
        onEvent({ type: 'candidate-suggested', peer: publicKey, address: endpoint }),
      ),
    );
  }

  stop(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    this.#needs.loops.stop();
  }

  perform(effect: TransportEffect): void {
    const { transport, checks, loops } = this.#needs;
    switch (effect.type) {
      case 'expect-checks':
        return checks.expect(effect.peer, effect.ufrag, effect.password);
      case 'forget-checks':
        return checks.forget(effect.peer);
      case 'send-check': {
        const { transactionId, peer, path } = effect;
        const bytes = checks.encodeCheck(effect);
        loops.sent(transactionId, { kind: 'check', peer, path: enginePathOf(path) }, bytes.length);
        return transport.datagrams?.send(path, bytes);
      }
      case 'answer-check': {
        const answer = checks.encodeAnswer(effect.peer, effect.transactionId, effect.path);
        if (answer !== undefined) transport.datagrams?.send(effect.path, answer);
        break;
      }
      case 'set-path':
        return transport.setPath(effect.peer, effect.paths);
      case 'initiate-handshake':
        return transport.initiateHandshake(effect.peer, { fresh: effect.fresh });
      case 'close-bases':
        for (const base of effect.bases) transport.datagrams?.closeBase(base);
    }
  }

  /** @returns whether it was a check. */
  #receive(path: TransportPath, bytes: Uint8Array): boolean {
    const { transport, checks, loops, onEvent } = this.#needs;
    const reading = checks.read(path, bytes);
    if (reading === 'not-a-check') return false;
    if (typeof reading === 'string') this.counters.count(`check-${reading}`);
    else if (reading.type === 'check') onEvent(reading);
    else {
      transport.datagrams?.confirmed?.(path);
      onEvent({ ...reading, overheads: loops.answered(reading.transactionId) });
    }
    return true;
  }
}
