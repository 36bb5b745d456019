import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { ClientSession } from '../src/protocol/client-session.js';
import { canonicalUrl } from '../src/protocol/rendezvous-url.js';
import { SUBPROTOCOL } from '../src/protocol/rendezvous-v1.js';
import { systemRandom, testIdentity, until, type Stage } from './support.js';

/** A WebSocket without the protocol on it. */
export async function rawSocket(
  stage: Stage,
  url: string,
  localAddress?: string,
): Promise<{ socket: WebSocket; frames: Buffer[]; closed: Promise<number> }> {
  const socket = new WebSocket(url, SUBPROTOCOL, localAddress === undefined ? {} : { localAddress });
  const frames: Buffer[] = [];
  socket.on('message', (data) => frames.push(data as Buffer));
  socket.on('error', () => undefined);
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('close', () => reject(new Error('closed'))));
  stage.alsoStop(async () => socket.terminate());
  return { socket, frames, closed };
}

/** Registers by hand, by way of an honest client's session. */
export async function registeredSocket(stage: Stage, url: string, localAddress?: string) {
  const identity = testIdentity();
  const raw = await rawSocket(stage, url, localAddress);
  await until(() => raw.frames.length === 1, 'the welcome');
  const session = new ClientSession({ url: canonicalUrl(url)!, identity, random: systemRandom });
  session.start(0);
  session.opened(0);
  for (const effect of session.receive(raw.frames[0]!, 0)) if (effect.kind === 'send') raw.socket.send(effect.bytes);
  await until(() => raw.frames.length === 2, 'the registration');
  return { ...raw, publicKey: identity.publicKey };
}

/** Passes on whatever a client proves; a reverse proxy does no other. */
export async function relayTo(stage: Stage, url: string): Promise<string> {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
  relay.on('connection', (downstream) => {
    const upstream = new WebSocket(url, SUBPROTOCOL);
    upstream.on('message', (data) => downstream.send(data as Buffer));
    downstream.on('message', (data) => upstream.send(data as Buffer));
    upstream.on('close', (code) => downstream.close(code === 1006 ? 1001 : code));
    downstream.on('close', () => upstream.terminate());
    upstream.on('error', () => downstream.terminate());
  });
  await new Promise((resolve) => relay.once('listening', resolve));
  stage.alsoStop(async () => {
    for (const socket of relay.clients) socket.terminate();
    await new Promise((resolve) => relay.close(resolve));
  });
  return `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`;
}
