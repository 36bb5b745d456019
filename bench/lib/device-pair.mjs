/** Two WireGuard devices joined in memory, in virtual time: what one sends, the other is given at once. */
import { PacketMemory } from '@wirepath/linux';
import { Device } from '../../packages/transport-wg/dist/protocol/device.js';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../packages/transport-wg/dist/protocol/keys.js';
import { PacketBuffers } from '../../packages/transport-wg/dist/protocol/packet-buffers.js';

export const INNER_ADDRESSES = ['10.77.0.1', '10.77.0.2'];

const EPOCH_MS = 1_700_000_000_000;
const CIPHER_BYTES = 64 << 10;

export class DevicePair {
  devices;
  publicKeys;
  now = 0;
  /** Inner packets that came out, at each device. */
  delivered = [0, 0];
  #onDatagram;

  /** @param onDatagram sees every datagram; the default hands it to the other device. */
  constructor(onDatagram) {
    this.#onDatagram = onDatagram ?? ((to, datagram) => this.devices[to].handleDatagram(datagram, 'path', this.now));
    const keys = [generatePrivateKey(), generatePrivateKey()];
    this.publicKeys = keys.map((key) => formatKey(publicKeyOf(key)));
    this.devices = keys.map((privateKey, i) => this.#device(privateKey, i));
    for (const [i, device] of this.devices.entries()) {
      const peer = { publicKey: this.publicKeys[1 - i], allowedIps: [`${INNER_ADDRESSES[1 - i]}/32`] };
      device.addPeer({ ...peer, roaming: false, paths: ['path'] }, 0);
    }
  }

  connect() {
    this.devices[0].initiateHandshake(this.publicKeys[1], this.now);
    this.devices[0].sendKeepalive(this.publicKeys[1], this.now);
  }

  #device(privateKey, i) {
    const nothing = () => undefined;
    const memory = new PacketMemory(PacketBuffers.SIZE_BYTES + CIPHER_BYTES);
    const sink = {
      send: (offset, sizeBytes) => this.#onDatagram(1 - i, memory.bytes.slice(offset, offset + sizeBytes)),
      reply: nothing,
      deliver: () => (this.delivered[i] += 1),
      onHandshake: nothing,
      onAuthenticated: nothing,
      onSent: nothing,
      onPathWanted: nothing,
    };
    return new Device({
      buffers: new PacketBuffers(memory),
      privateKey,
      sink,
      samePath: (a, b) => a === b,
      sourceBytes: () => new Uint8Array(6),
      wallClockMs: () => EPOCH_MS + this.now,
    });
  }
}
