import { SLOTS_PER_EPOCH, TAG_BYTES } from './lan-v1.js';
import { tagOf, type EpochKeys } from './pair-keys.js';

/** Tags that one peer may send us in one epoch. */
interface Row<Peer> {
  readonly peer: Peer;
  readonly epoch: number;
  readonly keys: EpochKeys;
  /** Slots whose tag was answered, one bit each. */
  answered: bigint;
}

/** Whose a tag is. */
export interface TagHit<Peer> {
  readonly peer: Peer;
  readonly epoch: number;
  readonly keys: EpochKeys;
  /** @returns whether the tag was not answered before; it is from now on. */
  takeAnswer(): boolean;
}

/** Leading bytes of a tag that are looked up; the rest is compared. A number of that size is exact. */
const INDEX_BYTES = 6;

/** The tags that peers may send, by their bytes: a stranger's costs one look-up, however many peers there are. */
export class TagTable<Peer> {
  /** Row number and slot, by the tag's first bytes. */
  readonly #index = new Map<number, number>();
  readonly #rows = new Map<number, Row<Peer>>();
  readonly #numbers = new Map<Peer, Map<number, number>>();
  #next = 0;

  get size(): number {
    return this.#index.size;
  }

  has(peer: Peer, epoch: number): boolean {
    return this.#numbers.get(peer)?.has(epoch) === true;
  }

  add(peer: Peer, epoch: number, keys: EpochKeys): void {
    const number = this.#next++;
    this.#rows.set(number, { peer, epoch, keys, answered: 0n });
    const numbers = this.#numbers.get(peer) ?? new Map<number, number>();
    this.#numbers.set(peer, numbers.set(epoch, number));
    for (let slot = 0; slot < SLOTS_PER_EPOCH; slot += 1)
      this.#index.set(keys.tags.readUIntBE(slot * TAG_BYTES, INDEX_BYTES), number * SLOTS_PER_EPOCH + slot);
  }

  /** Removes the peer's rows of all epochs but those that are kept. */
  prune(peer: Peer, isKept: (epoch: number) => boolean = () => false): void {
    const numbers = this.#numbers.get(peer);
    for (const [epoch, number] of numbers ?? []) {
      if (isKept(epoch)) continue;
      numbers?.delete(epoch);
      this.#removeRow(number);
    }
    if (numbers?.size === 0) this.#numbers.delete(peer);
  }

  /** @param offset of the tag in `bytes`. */
  find(bytes: Buffer, offset: number): TagHit<Peer> | undefined {
    const at = this.#index.get(bytes.readUIntBE(offset, INDEX_BYTES));
    if (at === undefined) return undefined;
    const row = this.#rows.get(Math.floor(at / SLOTS_PER_EPOCH));
    const slot = at % SLOTS_PER_EPOCH;
    if (row === undefined || bytes.compare(tagOf(row.keys, slot), 0, TAG_BYTES, offset, offset + TAG_BYTES) !== 0)
      return undefined;
    const { peer, epoch, keys } = row;
    return {
      peer,
      epoch,
      keys,
      takeAnswer: () => {
        const bit = 1n << BigInt(slot);
        if ((row.answered & bit) !== 0n) return false;
        row.answered |= bit;
        return true;
      },
    };
  }

  #removeRow(number: number): void {
    const row = this.#rows.get(number);
    this.#rows.delete(number);
    for (let slot = 0; row !== undefined && slot < SLOTS_PER_EPOCH; slot += 1) {
      const first = row.keys.tags.readUIntBE(slot * TAG_BYTES, INDEX_BYTES);
      if (this.#index.get(first) === number * SLOTS_PER_EPOCH + slot) this.#index.delete(first);
    }
  }
}
