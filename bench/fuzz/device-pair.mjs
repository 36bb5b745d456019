import { DevicePair, INNER_ADDRESSES } from '../lib/device-pair.mjs';
import { udpPacket } from '../lib/inner-packet.mjs';

/** Time between two hostile datagrams. */
const STEP_MS = 0.02;
const SAMPLES = 24;

/** Two devices with a session. Hostile datagrams go to the second, from the path that the first is at. */
export class HostileDevicePair {
  /** What they sent each other: both handshake messages and data. */
  samples = [];
  #pair;

  constructor() {
    this.#pair = new DevicePair((to, datagram) => {
      if (this.samples.length < SAMPLES) this.samples.push(Buffer.from(datagram));
      this.#pair.devices[to].handleDatagram(datagram, 'path', this.#pair.now);
    });
    this.#pair.connect();
    for (let i = 0; i < SAMPLES; i += 1) this.#ask();
  }

  get publicKeys() {
    return this.#pair.publicKeys;
  }

  /** @returns undefined when it was dropped. */
  receive(bytes) {
    const [, device] = this.#pair.devices;
    const before = dropsOf(device);
    this.#turn();
    // Decrypts in place.
    device.handleDatagram(Buffer.from(bytes), 'path', this.#pair.now);
    return dropsOf(device) === before ? true : undefined;
  }

  /** An inner packet at the second device. */
  send(bytes) {
    this.#turn();
    const result = this.#pair.devices[1].handlePacket(bytes, this.#pair.now);
    return result === 'sent' || result === 'queued' ? true : undefined;
  }

  /** @returns what is wrong with the session, if anything is. */
  problem() {
    // Handshake messages past the rate cost cookies; both sides get over it in seconds.
    for (let i = 0; i < 30; i += 1) {
      if (this.#ask()) return undefined;
      this.#pair.now += 1000;
      this.#turn();
    }
    return 'after all that, packets no longer pass between the two devices';
  }

  /** @returns whether a packet of the first came out at the second. */
  #ask() {
    const before = this.#pair.delivered[1];
    this.#pair.devices[0].handlePacket(udpPacket(...INNER_ADDRESSES, 9, 64), this.#pair.now);
    return this.#pair.delivered[1] > before;
  }

  #turn() {
    this.#pair.now += STEP_MS;
    for (const device of this.#pair.devices) {
      if (device.nextTimeout() <= this.#pair.now) device.handleTimeout(this.#pair.now);
    }
  }
}

function dropsOf({ drops }) {
  let sum = 0;
  for (const reason in drops) sum += drops[reason];
  return sum;
}
