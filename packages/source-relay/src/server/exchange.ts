import { encodeStunMessage, type StunMessage, type StunMessageFields } from '@wirepath/stun-codec';
import type { FiveTuple } from './five-tuple.js';

/** Says that this is a TURN server, and neither which nor of what version. */
const SOFTWARE = 'STUN/TURN';

/** A request that has been authenticated, with what answering it takes. */
export interface Exchange {
  readonly client: FiveTuple;
  readonly request: StunMessage;
  readonly tuple: string;
  readonly username: string;
  readonly account: string;
  readonly key: Buffer;
}

export function encodeAnswer(
  { request, key }: Exchange,
  fields: Partial<StunMessageFields> & Pick<StunMessageFields, 'class'>,
): Buffer {
  return encodeStunMessage({
    method: request.method,
    transactionId: request.transactionId,
    software: SOFTWARE,
    integrityKey: key,
    fingerprint: request.hasFingerprint,
    ...fields,
  });
}

export function respond({ client }: Exchange, answer: Uint8Array): void {
  client.socket.send(answer, client.to);
}

/** What nonces and remembered answers are bound to: whose address, and which of our sockets. */
export function tupleOf({ socket: { protocol, local }, key }: FiveTuple): string {
  return `${protocol} ${key}>${local.ip}|${local.port}`;
}

export function isTurnRequest({ method }: StunMessage): boolean {
  return method === 'allocate' || method === 'refresh' || method === 'create-permission' || method === 'channel-bind';
}

/** To be kept: a small Buffer keeps the 8 KiB alive that Node cut it from. */
export function ownCopy(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
