import { parseTransportAddress, transportAddress, type TransportAddress } from '@wirepath/core/plugin';
import { decodeStunMessage, encodeStunMessage, type StunMessage, type StunMessageFields } from '@wirepath/stun-codec';
import type { MemoryInternet, Packet } from './memory-internet.js';

export interface StunServerOptions {
  /** RFC 5780: it has this address too, and sends from all four corners. */
  readonly alternate?: string;
  /** Changes what it answers; undefined: it is silent. */
  readonly answer?: (fields: StunMessageFields, packet: Packet) => StunMessageFields | undefined;
  /** Where it answers from, whatever it was asked to. */
  readonly from?: (at: TransportAddress) => TransportAddress;
  /** On top of what the network takes. */
  readonly delayMs?: number;
  /** Corners where nobody listens, and from which nothing is sent. */
  readonly dead?: readonly string[];
}

export function at(text: string): TransportAddress {
  const address = parseTransportAddress(text);
  if (address === undefined) throw new Error(`not IP:PORT: ${text}`);
  return address;
}

/** A STUN server (RFC 8489, RFC 5780) that does as it should, or as it is told. */
export class MemoryStunServer {
  /** Requests that it got. */
  readonly requests: (Packet & { readonly atMs: number; readonly message: StunMessage })[] = [];

  constructor(
    readonly internet: MemoryInternet,
    listen: string,
    readonly options: StunServerOptions = {},
  ) {
    const { ip, port } = at(listen);
    const { alternate, dead = [] } = options;
    const other = alternate === undefined ? undefined : at(alternate);
    const ips = [ip, ...(other ? [other.ip] : [])];
    const ports = [port, ...(other ? [other.port] : [])];
    for (const oneIp of ips)
      for (const onePort of ports) {
        const here = transportAddress(oneIp, onePort);
        if (dead.some((text) => text === `${oneIp}:${onePort}`)) continue;
        const opposite = other && {
          ip: oneIp === ip ? other.ip : ip,
          port: onePort === port ? other.port : port,
        };
        internet.attach(here, (packet) => this.#receive(packet, here, opposite));
      }
  }

  #receive(packet: Packet, here: TransportAddress, other: { ip: string; port: number } | undefined): void {
    const message = decodeStunMessage(packet.bytes);
    if (message?.class !== 'request' || message.method !== 'binding') return;
    this.requests.push({ ...packet, message, atMs: this.internet.clock.now() });
    const { answer = (fields) => fields, delayMs = 0, dead = [] } = this.options;
    const change = message.changeRequest;
    const from =
      this.options.from?.(here) ??
      transportAddress(
        change?.changeIp && other ? other.ip : here.ip,
        change?.changePort && other ? other.port : here.port,
      );
    if (dead.includes(`${from.ip}:${from.port}`)) return;
    const fields = answer(
      {
        class: 'success',
        method: 'binding',
        transactionId: message.transactionId,
        mappedAddress: packet.from,
        ...(other && { otherAddress: transportAddress(other.ip, other.port) }),
        fingerprint: true,
      },
      packet,
    );
    if (fields === undefined) return;
    this.internet.send({ from, to: packet.from, bytes: encodeStunMessage(fields) }, 10 + delayMs);
  }
}
