import type { PacketPort } from '@wirepath/core';
import type { Attachment, Carrier } from './carrier.js';
import type { Link } from './link.js';
import type { Packet } from './packet.js';
import { Segment } from './segment.js';

const IP_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const PROTOCOL_BYTE = 9;
const UDP = 17;
/** In the place of a cipher: nothing of what is wrapped can be recognised. */
const VEIL = 0x5a;

export interface OverlayMember {
  /** Of a host in the overlay, IPv4. */
  readonly ip: string;
  /** Of the same host in the tunnel. */
  readonly innerIp: string;
  /** The tunnel. */
  readonly packets: PacketPort;
}

/**
 * A network that rides on tunnels: what hosts send on its segment goes, wrapped in UDP, into their transports, and comes out
 * of others'. Hosts are attached to `segment` as to any other, and join with their transport.
 */
export class Overlay implements Carrier {
  readonly segment = new Segment('overlay', this);
  readonly #members = new Map<string, OverlayMember>();
  readonly #subscriptions: Disposable[] = [];
  readonly #isEncrypted: boolean;
  /** Datagrams that were put into a tunnel. */
  carried = 0;

  constructor({ encrypted }: { readonly encrypted: boolean }) {
    this.#isEncrypted = encrypted;
  }

  join(member: OverlayMember): void {
    this.#members.set(member.ip, member);
    this.#subscriptions.push(member.packets.onPacket((packet) => this.#arrive(member, packet)));
  }

  carry({ source, destination, bytes }: Packet, _from: Link, _to: Attachment): void {
    const [from, to] = [this.#members.get(source.ip), this.#members.get(destination.ip)];
    if (from === undefined || to === undefined) return;
    this.carried += 1;
    const inside = Buffer.alloc(4 + bytes.length);
    inside.writeUInt16BE(source.port, 0);
    inside.writeUInt16BE(destination.port, 2);
    inside.set(bytes, 4);
    const header = Buffer.alloc(IP_HEADER_BYTES + UDP_HEADER_BYTES);
    header[0] = 0x45;
    header[PROTOCOL_BYTE] = UDP;
    header.set(from.innerIp.split('.').map(Number), 12);
    header.set(to.innerIp.split('.').map(Number), 16);
    from.packets.send(Buffer.concat([header, addresses(from.ip, to.ip), this.#veiled(inside)]));
  }

  drop(): void {
    // Nobody asks.
  }

  /** Whether a packet of the tunnel is the overlay's. */
  static isWrapped(packet: Uint8Array): boolean {
    return packet[PROTOCOL_BYTE] === UDP;
  }

  stop(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
  }

  #arrive({ ip }: OverlayMember, packet: Uint8Array): void {
    if (!Overlay.isWrapped(packet)) return;
    const bytes = Buffer.from(packet.subarray(IP_HEADER_BYTES + UDP_HEADER_BYTES));
    const [sourceIp, destinationIp] = [ipAt(bytes, 0), ipAt(bytes, 4)];
    const inside = this.#veiled(bytes.subarray(8));
    const destination = this.segment.member(destinationIp);
    if (destinationIp !== ip || destination === undefined) return;
    destination.receive({
      source: { ip: sourceIp, port: inside.readUInt16BE(0), family: 4 },
      destination: { ip: destinationIp, port: inside.readUInt16BE(2), family: 4 },
      bytes: inside.subarray(4),
    });
  }

  #veiled(bytes: Buffer): Buffer {
    return this.#isEncrypted ? Buffer.from(bytes.map((byte) => byte ^ VEIL)) : bytes;
  }
}

function addresses(...ips: readonly string[]): Buffer {
  return Buffer.from(ips.flatMap((ip) => ip.split('.').map(Number)));
}

function ipAt(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}
