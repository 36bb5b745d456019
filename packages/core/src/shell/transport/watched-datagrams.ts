import { isStunMessage, type TransportAddress } from '@wirepath/stun-codec';
import type { Datagrams } from '../../contracts/datagrams.js';
import type { TransportPath } from '../../contracts/path.js';

/** STUN's class, spread over the type: 00 is a request. */
const CLASS_HIGH = 0x01;
const CLASS_LOW = 0x10;
const ID_START = 8;
const ID_END = 20;

/** The transport's sockets as sources and relays get them: every STUN request that they send is told before it goes. */
export function watchedDatagrams(
  datagrams: Datagrams,
  onRequest: (transactionId: Uint8Array, server: TransportAddress, sizeBytes: number) => void,
): Datagrams {
  return {
    get bases() {
      return datagrams.bases;
    },
    openBase: (family, options) => datagrams.openBase(family, options),
    closeBase: (base) => datagrams.closeBase(base),
    send: (path: TransportPath, bytes: Uint8Array) => {
      // The cheap look first: what a relay wraps is sent here too.
      if ((bytes[0] ?? 0xff) <= 0x3f && isRequest(bytes) && isStunMessage(bytes))
        onRequest(bytes.subarray(ID_START, ID_END), path.remote, bytes.length);
      datagrams.send(path, bytes);
    },
    onDatagram: (listener) => datagrams.onDatagram(listener),
    receive: (path, bytes) => datagrams.receive(path, bytes),
  };
}

function isRequest(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & CLASS_HIGH) === 0 && ((bytes[1] ?? 0) & CLASS_LOW) === 0;
}
