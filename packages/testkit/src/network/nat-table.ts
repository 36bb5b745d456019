import { dependsOn, formatAddress, sameAddress, type TransportAddress } from '@wirepath/core';
import type { SeededRandom } from '../random.js';
import type { NatSettings } from './nat-settings.js';

interface Mapping {
  readonly key: string;
  readonly inner: TransportAddress;
  readonly outerPort: number;
  usedAtMs: number;
  /** Whom the filter lets in, and when something last went out to it. */
  readonly permitted: Map<string, number>;
}

/** A port that is forwarded because somebody asked for it: to anybody, for as long as it is not taken back. */
interface Forwarding {
  readonly inner: TransportAddress;
  /** Who came in by it is answered from it. */
  readonly heard: Map<string, number>;
}

const DEFAULT_LIFETIME_MS = 120_000;
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;

/** The mappings of one NAT and its filter (RFC 4787). */
export class NatTable {
  readonly #byKey = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();
  readonly #forwarded = new Map<number, Forwarding>();
  /** Moves with every rebinding, so that no port is preserved any more. */
  #shift = 0;
  #nextPort: number;

  constructor(
    readonly settings: NatSettings,
    readonly random: SeededRandom,
  ) {
    this.#nextPort = random.integer(FIRST_PORT, LAST_PORT);
  }

  /** A datagram goes out. @returns the outside port that it leaves from; undefined when every port is taken. */
  outbound(inner: TransportAddress, remote: TransportAddress, nowMs: number): number | undefined {
    const answered = this.#answering(inner, remote, nowMs);
    if (answered !== undefined) return answered;
    const key = `${formatAddress(inner)} ${dependsOn(this.settings.mapping, remote)}`;
    let mapping = this.#alive(this.#byKey.get(key), nowMs);
    if (mapping === undefined) {
      const outerPort = this.#newPort(inner.port, nowMs);
      if (outerPort === undefined) return undefined;
      mapping = { key, inner, outerPort, usedAtMs: nowMs, permitted: new Map() };
      this.#byKey.set(key, mapping);
      this.#byPort.set(mapping.outerPort, mapping);
    }
    mapping.usedAtMs = nowMs;
    mapping.permitted.set(dependsOn(this.settings.filtering, remote), nowMs);
    return mapping.outerPort;
  }

  /** A datagram comes in. @returns whom it is for, or why it is dropped. */
  inbound(outerPort: number, remote: TransportAddress, nowMs: number): TransportAddress | 'no-mapping' | 'filtered' {
    const forwarding = this.#forwarded.get(outerPort);
    if (forwarding !== undefined) {
      forwarding.heard.set(formatAddress(remote), nowMs);
      return forwarding.inner;
    }
    const mapping = this.#alive(this.#byPort.get(outerPort), nowMs);
    if (mapping === undefined) return 'no-mapping';
    const permittedAtMs = mapping.permitted.get(dependsOn(this.settings.filtering, remote));
    return permittedAtMs === undefined || this.#isOver(permittedAtMs, nowMs) ? 'filtered' : mapping.inner;
  }

  /** @returns whether the port could be had. */
  forward(outerPort: number, inner: TransportAddress, nowMs: number): boolean {
    const before = this.#forwarded.get(outerPort);
    // What goes out by a port of its own stays apart from what comes in by one that was asked for.
    if (this.#alive(this.#byPort.get(outerPort), nowMs) !== undefined) return false;
    if (before !== undefined && !sameAddress(before.inner, inner)) return false;
    if (before === undefined) this.#forwarded.set(outerPort, { inner, heard: new Map() });
    return true;
  }

  stopForwarding(outerPort: number): void {
    this.#forwarded.delete(outerPort);
  }

  /** It was restarted: every mapping is gone, and new ones get other ports. */
  rebind(): void {
    this.#byKey.clear();
    this.#byPort.clear();
    this.#forwarded.clear();
    this.#shift += 1009;
  }

  get size(): number {
    return this.#byPort.size;
  }

  #answering(inner: TransportAddress, remote: TransportAddress, nowMs: number): number | undefined {
    for (const [port, forwarding] of this.#forwarded) {
      if (!sameAddress(forwarding.inner, inner)) continue;
      const heardAtMs = forwarding.heard.get(formatAddress(remote));
      if (heardAtMs === undefined || this.#isOver(heardAtMs, nowMs)) continue;
      forwarding.heard.set(formatAddress(remote), nowMs);
      return port;
    }
    return undefined;
  }

  #alive(mapping: Mapping | undefined, nowMs: number): Mapping | undefined {
    if (mapping === undefined || !this.#isOver(mapping.usedAtMs, nowMs)) return mapping;
    this.#byKey.delete(mapping.key);
    this.#byPort.delete(mapping.outerPort);
    return undefined;
  }

  #isOver(sinceMs: number, nowMs: number): boolean {
    return nowMs - sinceMs >= (this.settings.lifetimeMs ?? DEFAULT_LIFETIME_MS);
  }

  #newPort(innerPort: number, nowMs: number): number | undefined {
    const wanted = this.#wantedPort(innerPort);
    for (let tried = 0; tried <= LAST_PORT - FIRST_PORT; tried += 1) {
      const port = inRange(wanted + tried);
      if (this.#alive(this.#byPort.get(port), nowMs) === undefined && !this.#forwarded.has(port)) return port;
    }
    return undefined;
  }

  #wantedPort(innerPort: number): number {
    switch (this.settings.ports) {
      case 'preserve':
        return innerPort + this.#shift;
      case 'sequential':
        return this.#nextPort++ + this.#shift;
      case 'random':
        return this.random.integer(FIRST_PORT, LAST_PORT);
    }
  }
}

function inRange(port: number): number {
  return port <= LAST_PORT ? port : FIRST_PORT + ((port - FIRST_PORT) % (LAST_PORT - FIRST_PORT + 1));
}
