import { Listeners, type Guard, type PacketPort } from '@wirepath/core/plugin';
import type { PacketMemory } from '@wirepath/linux';
import type { InnerSide } from './inner-side.js';

/** `tun: false`: packets are exchanged with code in this process, and no right of any kind is needed. */
export class InProcessPort implements InnerSide, PacketPort {
  readonly #listeners: Listeners<Uint8Array>;
  readonly #onPacket: (packet: Uint8Array) => void;
  readonly #memory: PacketMemory;

  /** @param memory where packets from peers lie. */
  constructor(onPacket: (packet: Uint8Array) => void, memory: PacketMemory, guard: Guard) {
    this.#memory = memory;
    this.#onPacket = guard.wrap('packet', onPacket);
    this.#listeners = new Listeners(guard, 'packet');
  }

  send(packet: Uint8Array): void {
    this.#onPacket(packet);
  }

  onPacket(listener: (packet: Uint8Array) => void): Disposable {
    return this.#listeners.add(listener);
  }

  deliver(offset: number, sizeBytes: number): void {
    this.#listeners.tell(this.#memory.bytes.slice(offset, offset + sizeBytes));
  }

  flush(): void {
    // Each was told at once.
  }

  setRouted(): void {
    // Nothing to route: whoever sends here means the tunnel.
  }

  addEndpoint(): void {
    // Our sockets and this port cannot meet.
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
