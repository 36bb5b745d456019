import { Listeners, type Guard } from '@wirepath/core/plugin';

/** Larger packets are not shown to anybody: so the contract has it. */
const SHOWN_BYTES = 1280;

/** Shows what is sent into the tunnel to those who look for our own datagrams in it. While nobody looks it costs a comparison. */
export class InnerTap {
  readonly #listeners: Listeners<Uint8Array>;
  #count = 0;

  constructor(guard: Guard) {
    this.#listeners = new Listeners(guard, 'inner packet');
  }

  /** Shows `sizeBytes` at `offset` of `bytes`, which are valid only during the call. */
  show(bytes: Uint8Array, offset: number, sizeBytes: number): void {
    if (this.#count > 0 && sizeBytes <= SHOWN_BYTES) this.#listeners.tell(bytes.subarray(offset, offset + sizeBytes));
  }

  add(listener: (packet: Uint8Array) => void): Disposable {
    const added = this.#listeners.add(listener);
    this.#count += 1;
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#count -= 1;
        added[Symbol.dispose]();
      },
    };
  }
}
