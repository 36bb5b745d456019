import { dependsOn, type NatDependence, type TransportAddress } from '@wirepath/core/plugin';

/** What a NAT does, in the terms of RFC 4787. */
export interface NatSettings {
  /** What of the other side a mapping, and so the outside port, depends on (section 4.1). */
  readonly mapping: NatDependence;
  /** What of the other side the filter looks at (section 5). */
  readonly filtering: NatDependence;
}

/** One inside port's way out; it has an outside port of its own. */
export interface NatMapping {
  readonly insidePort: number;
  /** Whether the filter lets in what comes from there: only after something went out to it. */
  admits(remote: TransportAddress): boolean;
}

/** A NAT's table is finite; what would need one mapping more is dropped. */
export const MAX_MAPPINGS = 256;
const MAX_FILTER_ENTRIES = 1024;

/**
 * The mappings of one NAT and their filters, without the sockets. Nothing expires: the least lifetime that RFC 4787
 * asks for, two minutes, is longer than a demo.
 */
export class NatTable {
  readonly #settings: NatSettings;
  readonly #mappings = new Map<string, Mapping>();

  constructor(settings: NatSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#mappings.size;
  }

  /**
   * A datagram goes out, and opens the filter for answers.
   * @returns the mapping that it takes; undefined when the table is full.
   */
  outbound(insidePort: number, remote: TransportAddress): NatMapping | undefined {
    const key = `${String(insidePort)} ${dependsOn(this.#settings.mapping, remote)}`;
    let mapping = this.#mappings.get(key);
    if (mapping === undefined) {
      if (this.#mappings.size >= MAX_MAPPINGS) return undefined;
      mapping = new Mapping(insidePort, this.#settings.filtering);
      this.#mappings.set(key, mapping);
    }
    mapping.open(remote);
    return mapping;
  }

  /** The inside socket was closed. @returns the mappings that it had. */
  release(insidePort: number): NatMapping[] {
    const released: NatMapping[] = [];
    for (const [key, mapping] of this.#mappings) {
      if (mapping.insidePort !== insidePort) continue;
      this.#mappings.delete(key);
      released.push(mapping);
    }
    return released;
  }
}

class Mapping implements NatMapping {
  readonly #admitted = new Set<string>();

  constructor(
    readonly insidePort: number,
    readonly filtering: NatDependence,
  ) {}

  open(remote: TransportAddress): void {
    if (this.#admitted.size < MAX_FILTER_ENTRIES) this.#admitted.add(dependsOn(this.filtering, remote));
  }

  admits(remote: TransportAddress): boolean {
    return this.#admitted.has(dependsOn(this.filtering, remote));
  }
}
