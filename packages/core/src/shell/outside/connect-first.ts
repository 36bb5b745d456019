import type { Socket } from 'node:net';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { Clock } from '../../base/time/clock.js';

/** An address that is silent holds up the next by this (RFC 8305: Connection Attempt Delay). */
const NEXT_ADDRESS_MS = 250;
const TIMEOUT_MS = 10_000;
const ADDRESSES_MAX = 16;

export interface ConnectOptions {
  /** A socket that is not connected yet. May throw. */
  readonly openTcp: (remote: TransportAddress) => Socket;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Connects to all addresses, one soon after the other, until one has taken the connection; the others are given up then.
 * @throws the system's error where there is one address, else an AggregateError; the signal's reason. Nothing is left open.
 */
export function connectFirst(
  addresses: readonly TransportAddress[],
  { openTcp, clock, signal }: ConnectOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const left = interleaved(addresses).slice(0, ADDRESSES_MAX);
    const open = new Set<Socket>();
    const errors: unknown[] = [];
    let next: Disposable | undefined;
    const stop = (keep?: Socket): void => {
      next?.[Symbol.dispose]();
      deadline[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      left.length = 0;
      for (const socket of open) if (socket !== keep) socket.destroy();
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onAbort = (): void => fail(signal.reason);
    const deadline = clock.setTimeout(() => {
      fail(errors[0] ?? Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    }, TIMEOUT_MS);
    const failed = (error: unknown): void => {
      errors.push(error);
      if (left.length > 0) tryNext();
      else if (open.size === 0)
        fail(errors.length === 1 ? error : new AggregateError(errors, 'no address took the connection'));
    };
    const tryNext = (): void => {
      next?.[Symbol.dispose]();
      const address = left.shift();
      if (address === undefined) return;
      let socket: Socket;
      try {
        socket = openTcp(address);
      } catch (error) {
        return failed(error);
      }
      open.add(socket);
      const onError = (error: Error): void => {
        if (open.delete(socket)) failed(error);
      };
      // Stays: a socket that is given up may fail yet, and whoever gets the other one takes this listener off by their own.
      socket.on('error', onError);
      socket.once('connect', () => {
        if (!open.has(socket)) return;
        stop(socket);
        socket.off('error', onError);
        resolve(socket);
      });
      socket.connect({ host: address.ip, port: address.port });
      next = clock.setTimeout(tryNext, NEXT_ADDRESS_MS);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (left.length === 0) return fail(new Error('no address'));
    tryNext();
  });
}

/** The families take turns, beginning with that of the first address: one that leads nowhere does not hold up the other. */
function interleaved(addresses: readonly TransportAddress[]): TransportAddress[] {
  const [first] = addresses;
  const same = addresses.filter(({ family }) => family === first?.family);
  const others = addresses.filter(({ family }) => family !== first?.family);
  return same
    .flatMap((address, index) => [address, ...others.slice(index, index + 1)])
    .concat(others.slice(same.length));
}
