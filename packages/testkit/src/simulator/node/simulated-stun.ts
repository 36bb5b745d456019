import {
  formatAddress,
  sameAddress,
  socketPath,
  type Base,
  type Clock,
  type Datagrams,
  type TransportAddress,
} from '@wirepath/core';
import { decodeBindingResponse, encodeBindingRequest } from '../../network/stun-binding.js';
import type { SeededRandom } from '../../random.js';

interface Question {
  readonly base: Base;
  readonly server: TransportAddress;
  readonly answered: (mapped: TransportAddress) => void;
  retransmission: Disposable | undefined;
}

export interface SimulatedStunNeeds {
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly servers: readonly TransportAddress[];
  /** Called when an answer differs from the one before: a mapping, first seen or moved. */
  readonly onMapping: () => void;
}

const RETRANSMISSIONS_MS = [250, 500, 1000, 2000] as const;

/** Learns the mappings of a simulated node's sockets whenever it is asked to. */
export class SimulatedStun {
  readonly #needs: SimulatedStunNeeds;
  readonly #questions = new Map<string, Question>();
  /** By base and server. */
  readonly #mappings = new Map<string, { readonly base: Base; readonly address: TransportAddress }>();
  readonly #listening: Disposable;

  constructor(needs: SimulatedStunNeeds) {
    this.#needs = needs;
    this.#listening = needs.datagrams.onDatagram(({ path, bytes }) => {
      if (path.kind !== 'socket') return;
      const response = decodeBindingResponse(bytes);
      const question = response && this.#questions.get(response.transactionId);
      if (response === undefined || question?.base.id !== path.base.id) return;
      if (!sameAddress(question.server, path.remote)) return;
      this.#end(response.transactionId);
      question.answered(response.mappedAddress);
    });
  }

  /** Asks every server from every shared socket. */
  ask(): void {
    const { datagrams, servers } = this.#needs;
    for (const base of datagrams.bases) {
      for (const server of servers) if (server.family === base.family && base.shared) this.#askOne(base, server);
    }
  }

  /** The network changed: what was learnt is worth nothing. */
  forget(): void {
    this.#mappings.clear();
  }

  mappings(): { readonly base: Base; readonly address: TransportAddress }[] {
    return [...this.#mappings.values()];
  }

  stop(): void {
    this.#listening[Symbol.dispose]();
    for (const id of [...this.#questions.keys()]) this.#end(id);
  }

  #askOne(base: Base, server: TransportAddress): void {
    const id = this.#needs.random.bytes(12);
    const key = `${base.id}>${formatAddress(server)}`;
    const answered = (address: TransportAddress) => {
      const before = this.#mappings.get(key);
      this.#mappings.set(key, { base, address });
      if (before === undefined || !sameAddress(before.address, address)) this.#needs.onMapping();
    };
    const text = Buffer.from(id).toString('hex');
    this.#questions.set(text, { base, server, answered, retransmission: undefined });
    this.#transmit(text, encodeBindingRequest(id), 0);
  }

  #transmit(id: string, bytes: Uint8Array, attempt: number): void {
    const question = this.#questions.get(id);
    if (question === undefined) return;
    this.#needs.datagrams.send(socketPath(question.base, question.server), bytes);
    const delayMs = RETRANSMISSIONS_MS[attempt];
    question.retransmission = this.#needs.clock.setTimeout(
      () => (attempt + 1 < RETRANSMISSIONS_MS.length ? this.#transmit(id, bytes, attempt + 1) : this.#end(id)),
      delayMs ?? 0,
    );
  }

  #end(id: string): void {
    this.#questions.get(id)?.retransmission?.[Symbol.dispose]();
    this.#questions.delete(id);
  }
}
