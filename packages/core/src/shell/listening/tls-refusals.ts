import { Counters } from '../../base/counting/counters.js';
import { Sightings } from '../../base/counting/sightings.js';
import type { GateRefusal } from '../../base/limits/connection-gate.js';
import type { Clock } from '../../base/time/clock.js';

/** Why a connection did not get through its handshake. */
export type TlsRefusal = GateRefusal | 'crowded-out' | 'too-slow' | 'no-tls' | 'failed' | 'no-such-protocol';

const BEHIND_PROXY = 'if that is a reverse proxy, put it on this machine and listen on loopback';

const SENTENCES: Readonly<Partial<Record<TlsRefusal, (ip: string) => string>>> = {
  'ip-connections': (ip) => `${ip} has as many connections as one address may, and is refused more; ${BEHIND_PROXY}`,
  'ip-connection-rate': (ip) => `${ip} makes more connections a second than one address may; ${BEHIND_PROXY}`,
  'crowded-out': () =>
    'more connections than there is room for are in the middle of their handshake, and the oldest of the address blocks with the most of them are closed; where that goes on, limit new connections for each address in the firewall',
  'no-tls': (ip) => `${ip} speaks no TLS: a URL for this address begins with wss:, turns: or https:`,
};

/** Connections of a TLS listener that came to nothing: counted, and what can mean a mistake in a sentence with the cure. */
export class TlsRefusals {
  readonly #at: string;
  readonly #counts = new Counters<TlsRefusal>();
  readonly #sightings: Sightings;

  /** @param at address of the listener. */
  constructor(at: string, clock: Clock) {
    this.#at = at;
    this.#sightings = new Sightings(clock);
  }

  count(why: TlsRefusal, ip = 'somebody'): void {
    this.#counts.count(why);
    const sentence = SENTENCES[why];
    // One for each kind: whoever comes from many addresses must not crowd the others out.
    if (sentence !== undefined) this.#sightings.see(why, () => `TLS at ${this.#at}: ${sentence(ip)}`);
  }

  /** A handshake failed. @param code of OpenSSL's error. */
  countFailed(code: string, ip: string | undefined): void {
    if (/WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG/.test(code)) this.count('no-tls', ip);
    else if (code.includes('NO_APPLICATION_PROTOCOL')) this.count('no-such-protocol');
    else if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.count('too-slow');
    // Else it has gone by itself, or was ended here and is counted already.
    else if (code.startsWith('ERR_SSL')) this.count('failed');
  }

  snapshot(): Record<string, number> {
    return this.#counts.snapshot();
  }

  problems(): string[] {
    return this.#sightings.problems();
  }
}
