import { pathKey, type TransportPath } from '@wirepath/core/plugin';
import {
  MESSAGE_INITIATION,
  MESSAGE_RESPONSE,
  MESSAGE_TRANSPORT_DATA,
  messageType,
  readUint32,
} from '../../protocol/messages.js';

/** Paths told apart at once; bytes from more of them count against all. */
const PATHS_MAX = 16;
/** Handshake messages that wait for the device's answer. */
const PENDING_MAX = 8;

/** What was forwarded between two questions to the device. */
interface Window {
  readonly bytes: Map<string, { readonly path: TransportPath; bytes: number }>;
  otherBytes: number;
}

/**
 * Infers, for one peer of an opaque device, on which path authenticated packets came in:
 *
 * - The device answers an initiation only if it is authentic: a response that names the initiation's index proves the
 *   path on which that came. Data to the index that a response named proves the path of the response.
 * - The device counts the bytes of authentic datagrams only. If it counted more than all other paths together brought,
 *   this path brought some. (In the common case there is one path, and any growth proves it.)
 *
 * A datagram may wait in the device while it is asked, so what was forwarded counts for three questions.
 */
export class PathEvidence {
  readonly #initiations = new Map<number, TransportPath>();
  readonly #responses = new Map<number, TransportPath>();
  #windows: Window[] = [emptyWindow()];
  #rxBytes: number | undefined;

  /** A datagram that came in on `path` goes to the device. */
  forwarded(path: TransportPath, datagram: Uint8Array): void {
    const window = this.#windows[0];
    if (window === undefined) return;
    const key = pathKey(path);
    const entry = window.bytes.get(key);
    if (entry) entry.bytes += datagram.length;
    else if (window.bytes.size < PATHS_MAX) window.bytes.set(key, { path, bytes: datagram.length });
    else window.otherBytes += datagram.length;

    const type = messageType(datagram);
    // The first one counts: a copy that somebody sends after it must not take its place.
    if (type === MESSAGE_INITIATION) remember(this.#initiations, readUint32(datagram, 4), path);
    else if (type === MESSAGE_RESPONSE) remember(this.#responses, readUint32(datagram, 4), path);
  }

  /** The device sent this. @returns the path that it proves. */
  deviceSent(datagram: Uint8Array): TransportPath | undefined {
    const type = messageType(datagram);
    if (type === MESSAGE_RESPONSE) return take(this.#initiations, readUint32(datagram, 8));
    if (type === MESSAGE_TRANSPORT_DATA && this.#responses.size > 0) {
      return take(this.#responses, readUint32(datagram, 4));
    }
    return undefined;
  }

  /** Where the initiation came from that this response of the device's answers. */
  initiationPath(response: Uint8Array): TransportPath | undefined {
    return messageType(response) === MESSAGE_RESPONSE ? this.#initiations.get(readUint32(response, 8)) : undefined;
  }

  /** The device is about to be asked. */
  asked(): void {
    this.#windows = [emptyWindow(), ...this.#windows.slice(0, 2)];
  }

  /** The device has said how many authentic bytes it counted. @returns the paths that this proves. */
  told(rxBytes: number): TransportPath[] {
    const grownBy = rxBytes - (this.#rxBytes ?? rxBytes);
    this.#rxBytes = rxBytes;
    if (grownBy <= 0) return [];
    const totals = new Map<string, { readonly path: TransportPath; bytes: number }>();
    let all = 0;
    for (const { bytes, otherBytes } of this.#windows) {
      all += otherBytes;
      for (const [key, entry] of bytes) {
        all += entry.bytes;
        const total = totals.get(key);
        if (total) total.bytes += entry.bytes;
        else totals.set(key, { ...entry });
      }
    }
    return [...totals.values()].filter(({ bytes }) => grownBy > all - bytes).map(({ path }) => path);
  }
}

function emptyWindow(): Window {
  return { bytes: new Map(), otherBytes: 0 };
}

function remember(table: Map<number, TransportPath>, index: number, path: TransportPath): void {
  if (table.has(index)) return;
  table.set(index, path);
  const [oldest] = table.keys();
  if (table.size > PENDING_MAX && oldest !== undefined) table.delete(oldest);
}

function take(table: Map<number, TransportPath>, index: number): TransportPath | undefined {
  const path = table.get(index);
  table.delete(index);
  return path;
}
