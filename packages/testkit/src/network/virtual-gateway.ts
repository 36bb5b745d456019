import { transportAddress, type Clock, type TransportAddress } from '@wirepath/core';
import type { SeededRandom } from '../random.js';
import { Link } from './link.js';
import type { NatRouter } from './nat-router.js';
import type { Packet } from './packet.js';
import type { Segment } from './segment.js';

export interface VirtualGatewaySettings {
  /** The NAT whose ports it gives away. */
  readonly router: NatRouter;
  readonly inside: Segment;
  /** Its address inside, an IPv4 one. */
  readonly ip: string;
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** @default both */
  readonly protocols?: readonly ('pcp' | 'nat-pmp')[];
  /** Longest life of a mapping, seconds. @default 7200 */
  readonly maxLifetimeSeconds?: number;
  /** Result code that every request for a mapping is refused with. @default 0: none */
  readonly result?: number;
  /** The external address that it tells. @default that of the router outside */
  readonly tells?: string;
}

interface Granted {
  readonly client: TransportAddress;
  readonly nonce: string;
  readonly timer: Disposable;
}

const PORT = 5351;
const RESPONSE = 0x80;
const UDP = 17;
const NO_NONCE = '';
const NOT_AUTHORIZED = 2;

/** A gateway that maps ports when it is asked, in real bytes: PCP (RFC 6887: MAP of UDP over IPv4) and NAT-PMP (RFC 6886). */
export class VirtualGateway {
  readonly #settings: VirtualGatewaySettings;
  readonly #link: Link;
  /** By external port. */
  readonly #granted = new Map<number, Granted>();
  #startedAtMs: number;
  /** Requests read. */
  requests = 0;
  /** False: it is silent, and what it forwards goes on. */
  isUp = true;

  constructor(settings: VirtualGatewaySettings) {
    const { inside, ip, clock, random, router } = settings;
    this.#settings = settings;
    this.#link = new Link({ latencyMs: 0.5 }, random);
    this.#startedAtMs = clock.now();
    inside.attach(ip, { link: this.#link, receive: (packet) => this.#receive(packet) });
    router.onRebind = () => this.#forgetAll();
  }

  /** What it forwards to whom: external ports. */
  get mappings(): ReadonlyMap<number, TransportAddress> {
    return new Map([...this.#granted].map(([port, { client }]) => [port, client]));
  }

  /** It was started anew: all is forgotten, and its epoch begins again. */
  restart(): void {
    for (const port of [...this.#granted.keys()]) this.#settings.router.stopForwarding(port);
    this.#forgetAll();
  }

  #forgetAll(): void {
    for (const { timer } of this.#granted.values()) timer[Symbol.dispose]();
    this.#granted.clear();
    this.#startedAtMs = this.#settings.clock.now();
  }

  #receive({ source, destination, bytes }: Packet): void {
    if (!this.isUp || destination.port !== PORT) return;
    const { protocols = ['pcp', 'nat-pmp'] } = this.#settings;
    this.requests += 1;
    const answer =
      bytes[0] === 2 && protocols.includes('pcp')
        ? this.#answerPcp(bytes, source)
        : protocols.includes('nat-pmp')
          ? this.#answerNatPmp(bytes, source)
          : undefined;
    if (answer === undefined) return;
    this.#settings.inside.send({ source: destination, destination: source, bytes: answer }, this.#link);
  }

  #answerPcp(request: Uint8Array, { ip }: TransportAddress): Uint8Array | undefined {
    if (request.length !== 60 || request[1] !== 1 || request[36] !== UDP) return undefined;
    const bytes = request.slice();
    const view = new DataView(bytes.buffer);
    const nonce = Buffer.from(request.subarray(24, 36)).toString('hex');
    const granted = this.#grant(transportAddress(ip, view.getUint16(40)), nonce, view.getUint16(42), view.getUint32(4));
    bytes[1] = RESPONSE | 1;
    bytes.fill(0, 8, 24);
    view.setUint32(8, this.#epochSeconds());
    bytes[3] = granted.result;
    view.setUint32(4, granted.lifetimeSeconds);
    view.setUint16(42, granted.port);
    bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...this.#externalBytes()], 44);
    return bytes;
  }

  #answerNatPmp(request: Uint8Array, { ip }: TransportAddress): Uint8Array | undefined {
    const bytes = new Uint8Array(request[1] === 0 ? 12 : 16);
    const view = new DataView(bytes.buffer);
    bytes[1] = RESPONSE | (request[1] ?? 0);
    view.setUint32(4, this.#epochSeconds());
    if (request[0] !== 0) {
      view.setUint16(2, 1);
      return bytes.subarray(0, 8);
    }
    if (request[1] === 0) {
      bytes.set(this.#externalBytes(), 8);
      return bytes;
    }
    if (request[1] !== 1 || request.length !== 12) return undefined;
    const asked = new DataView(request.buffer, request.byteOffset, request.byteLength);
    const client = transportAddress(ip, asked.getUint16(4));
    const granted = this.#grant(client, NO_NONCE, asked.getUint16(6), asked.getUint32(8));
    view.setUint16(2, granted.result);
    view.setUint16(8, client.port);
    view.setUint16(10, granted.port);
    view.setUint32(12, granted.lifetimeSeconds);
    return bytes;
  }

  #grant(client: TransportAddress, nonce: string, wantedPort: number, lifetimeSeconds: number) {
    const { result = 0, maxLifetimeSeconds = 7200, router, clock } = this.#settings;
    const none = { port: 0, lifetimeSeconds: 0 };
    if (result !== 0) return { result, ...none };
    const known = [...this.#granted].find(([, one]) => one.client.ip === client.ip && one.client.port === client.port);
    if (known !== undefined && known[1].nonce !== nonce) return { result: NOT_AUTHORIZED, ...none };
    known?.[1].timer[Symbol.dispose]();
    if (lifetimeSeconds === 0) {
      if (known !== undefined) this.#end(known[0]);
      return { result: 0, ...none };
    }
    const port = known?.[0] ?? this.#freePort(wantedPort, client);
    const seconds = Math.min(lifetimeSeconds, maxLifetimeSeconds);
    router.forward(port, client);
    this.#granted.set(port, { client, nonce, timer: clock.setTimeout(() => this.#end(port), seconds * 1000) });
    return { result: 0, port, lifetimeSeconds: seconds };
  }

  #end(port: number): void {
    this.#granted.delete(port);
    this.#settings.router.stopForwarding(port);
  }

  #freePort(wanted: number, client: TransportAddress): number {
    let port = Math.max(1024, wanted);
    while (this.#granted.has(port) || !this.#settings.router.forward(port, client))
      port = 1024 + ((port - 1023) % 64_512);
    return port;
  }

  #epochSeconds(): number {
    return Math.floor((this.#settings.clock.now() - this.#startedAtMs) / 1000);
  }

  #externalBytes(): number[] {
    return (this.#settings.tells ?? this.#settings.router.ip).split('.').map(Number);
  }
}
