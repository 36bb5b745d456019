import { once } from 'node:events';
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { memoryLogger } from '@wirepath/core';
import { Counters, EdgeGuard, type Clock } from '@wirepath/core/plugin';
import { StaticOutside } from '@wirepath/testkit';
import { openGatewayLink } from '../src/edge/gateway-link.js';
import { PORTMAP_DROP_REASONS, runInquiry, type Runnable } from '../src/edge/run-inquiry.js';
import type { Inquiry, Outcome, UpnpService, Wish } from '../src/protocol/inquiry.js';
import { UpnpInquiry } from '../src/upnp/upnp.js';

/** On loopback, where there is a network of addresses: the gateway, who pretends to be it, and where it would lead us. */
export const GATEWAY_IP = '127.9.0.1';
export const STRANGER_IP = '127.9.0.2';
export const ELSEWHERE_IP = '127.9.0.3';

const TARGET = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';

export function searchAnswer(location: string): string {
  return `HTTP/1.1 200 OK\r\nST: ${TARGET}\r\nLOCATION: ${location}\r\n\r\n`;
}

export function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

/** A UPnP gateway that answers as it is told, over real sockets. */
export class HostileGateway implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Of requests, the first line. */
  readonly requests: string[] = [];
  answer: (request: string, socket: Socket) => void = () => undefined;

  private constructor(readonly ip: string) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.once('data', (bytes: Buffer) => {
        const text = bytes.toString('latin1');
        const action = /SOAPAction: "[^#]*#(\w+)"/i.exec(text)?.[1];
        this.requests.push(action ?? text.split('\r\n', 1)[0] ?? '');
        this.answer(text, socket);
      });
    });
  }

  static async start(ip = GATEWAY_IP): Promise<HostileGateway> {
    const gateway = new HostileGateway(ip);
    gateway.#server.listen(0, ip);
    await once(gateway.#server, 'listening');
    return gateway;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get url(): string {
    return `http://${this.ip}:${this.port}`;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers searches; from wherever it is told. */
export async function answerSearches(ip: string, answers: (client: number, socket: DatagramSocket) => void) {
  const socket = createSocket('udp4');
  socket.on('message', (_bytes, { port }) => answers(port, socket));
  socket.bind(1900, ip);
  await once(socket, 'listening');
  return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())) };
}

/** Ten times faster than real time, so that what is slow on purpose is over soon. */
const SPEED = 10;
const clock: Clock = {
  now: () => performance.now() * SPEED,
  unixMs: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs / SPEED);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

const WISH: Wish = {
  clientIp: '127.0.0.1',
  gatewayIp: GATEWAY_IP,
  internalPort: 51_820,
  suggestedPort: 51_820,
  lifetimeSeconds: 7200,
  nonce: new Uint8Array(12),
  description: 'wirepath',
};

/** Asks the gateway by UPnP, over real sockets. @param remove a mapping at that service. */
export async function askGateway(
  remove?: UpnpService,
): Promise<{ outcome: Outcome | undefined; drops: Readonly<Record<string, number>> }> {
  const drops = new Counters(PORTMAP_DROP_REASONS);
  const { signal } = new AbortController();
  const { clientIp, gatewayIp, internalPort } = WISH;
  const at = { family: 4, interfaceName: 'lo', clientIp, gatewayIp, internalPort } as const;
  const guard = EdgeGuard.create('source-portmap', { logger: memoryLogger(), clock });
  const outcome = await runInquiry<Outcome>(
    (now) => {
      const inquiry = new UpnpInquiry(WISH, now, { random: () => 0.5, remove: remove !== undefined, service: remove });
      return eager(inquiry);
    },
    {
      clock,
      drops,
      gatewayIp,
      signal,
      open: (onDatagram) => openGatewayLink(at, undefined, { outside: new StaticOutside(), guard }, onDatagram, signal),
    },
  );
  return { outcome, drops: drops.snapshot() };
}

/** It makes its mapping as soon as it can. */
function eager(inquiry: Inquiry): Runnable<Outcome> {
  return {
    get outcome() {
      return inquiry.outcome;
    },
    nextTimeout: () => inquiry.nextTimeout(),
    handleTimeout: (now) => inquiry.handleTimeout(now),
    handle(answer, now) {
      const known = inquiry.handle(answer, now);
      if (inquiry.isReady) inquiry.commit(now);
      return known;
    },
    takeRequests: () => inquiry.takeRequests(),
  };
}
