import { Listeners, type Guard, type PacketPort } from '@wirepath/core/plugin';
import type { InnerSide } from './inner-side.js';

/** `tun: false`: packets are exchanged with code in this process, and no right of any kind is needed. */
export class InProcessPort implements InnerSide, PacketPort {
  readonly #listeners: Listeners<Uint8Array>;
  readonly #onPacket: (packet: Uint8Array) => void;

  constructor(onPacket: (packet: Uint8Array) => void, guard: Guard) {
    this.#onPacket = guard.wrap('packet', onPacket);
    this.#listeners = new Listeners(guard, 'packet');
  }

  send(packet: Uint8Array): void {
    this.#onPacket(packet);
  }

  onPacket(listener: (packet: Uint8Array) => void): Disposable {
    return this.#listeners.add(listener);
  }

  deliver(packet: Uint8Array): void {
    this.#listeners.tell(Uint8Array.prototype.slice.call(packet));
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
