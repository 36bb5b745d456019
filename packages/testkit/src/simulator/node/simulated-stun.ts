import { sameAddress, socketPath, type Base, type Clock, type Datagrams, type TransportAddress } from '@wirepath/core';
import { decodeBindingResponse, encodeBindingRequest } from '../../network/stun-binding.js';
import type { SeededRandom } from '../../random.js';

export interface StunAnswer {
  readonly base: Base;
  readonly server: TransportAddress;
  readonly mapped: TransportAddress;
}

export interface SimulatedStunNeeds {
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly servers: readonly TransportAddress[];
}

const RETRANSMISSIONS_MS = [250, 500, 1000, 2000] as const;
/** Once one server has answered, the others have this long. */
const GRACE_MS = 1000;

/** Asks every server from every shared socket, as `@wirepath/source-stun` does, with callbacks in the place of promises. */
export class SimulatedStun {
  readonly #needs: SimulatedStunNeeds;
  readonly #rounds = new Set<Disposable>();

  constructor(needs: SimulatedStunNeeds) {
    this.#needs = needs;
  }

  /**
   * @param onAnswer called once for each server and socket. @returns 'enough' where the others need not be waited for.
   * @param onEnd every one has answered or is given up.
   * @returns what ends it before that, without a call.
   */
  ask(onAnswer: (answer: StunAnswer) => 'enough' | void, onEnd: () => void): Disposable {
    const { datagrams, clock, random, servers } = this.#needs;
    const questions = new Map<string, { readonly base: Base; readonly server: TransportAddress }>();
    const timers: Disposable[] = [];
    let isGrace = false;
    const round = {
      [Symbol.dispose]: () => {
        this.#rounds.delete(round);
        questions.clear();
        listening[Symbol.dispose]();
        for (const timer of timers) timer[Symbol.dispose]();
      },
    };
    const end = () => {
      round[Symbol.dispose]();
      onEnd();
    };
    const listening = datagrams.onDatagram(({ path, bytes }) => {
      const response = path.kind === 'socket' ? decodeBindingResponse(bytes) : undefined;
      const question = response && questions.get(response.transactionId);
      if (question === undefined || path.kind !== 'socket' || question.base.id !== path.base.id) return false;
      if (response === undefined || !sameAddress(question.server, path.remote)) return false;
      questions.delete(response.transactionId);
      const isEnough = onAnswer({ ...question, mapped: response.mappedAddress }) === 'enough';
      if (isEnough || questions.size === 0) end();
      else if (!isGrace) timers.push(clock.setTimeout(end, GRACE_MS));
      isGrace = true;
      return true;
    });
    const transmit = (id: Uint8Array, attempt: number) => {
      const question = questions.get(Buffer.from(id).toString('hex'));
      if (question === undefined) return;
      datagrams.send(socketPath(question.base, question.server), encodeBindingRequest(id));
      const delayMs = RETRANSMISSIONS_MS[attempt];
      timers.push(clock.setTimeout(() => (delayMs === undefined ? end() : transmit(id, attempt + 1)), delayMs ?? 0));
    };
    this.#rounds.add(round);
    for (const base of datagrams.bases.filter(({ shared }) => shared)) {
      for (const server of servers.filter(({ family }) => family === base.family)) {
        const id = random.bytes(12);
        questions.set(Buffer.from(id).toString('hex'), { base, server });
        transmit(id, 0);
      }
    }
    if (questions.size === 0) end();
    return round;
  }

  stop(): void {
    for (const round of [...this.#rounds]) round[Symbol.dispose]();
  }
}
