import { deniedPath, distrustOfPath, trustedOwners, type Distrust, type TrustedOwners } from '@wirepath/core';
import { createConnection, type Socket } from 'node:net';
import { fromFailure } from './failure.js';
import { CommandError } from '../wording/command-error.js';
import { LineSplitter } from './line-splitter.js';
import {
  CONTROL_PROTOCOL_VERSION,
  decodeServerMessage,
  encodeLine,
  MAX_CONTROL_ANSWER_BYTES,
  type Hello,
  type ServerMessage,
} from './protocol.js';

/** A running node answers within a turn of its event loop. */
const HELLO_TIMEOUT_MS = 2000;

export interface ControlClientOptions {
  readonly socketPath: string;
  /** Said when nobody listens: how to start the node. */
  readonly startAdvice: string;
  /** Whose sockets are spoken to. @default root's and our own */
  readonly owners?: TrustedOwners | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until its hello. */
  readonly timeoutMs?: number | undefined;
}

interface Waiting {
  onMessage(message: ServerMessage): void;
  onEnd(error: Error): void;
}

/** A conversation with the process that runs on an rc file. */
export class ControlClient implements Disposable {
  readonly hello: Hello;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended: Error | undefined;

  private constructor(socket: Socket, hello: Hello) {
    this.#socket = socket;
    this.hello = hello;
  }

  /**
   * Nothing is said to, or believed of, a socket that a stranger may have put there.
   * @throws CommandError NOT_RUNNING, PERMISSION_DENIED, TIMEOUT or CONTROL_SOCKET.
   */
  static async connect(options: ControlClientOptions): Promise<ControlClient> {
    refuseStrangersSocket(options);
    const socket = createConnection(options.socketPath);
    const lines = new LineSplitter(MAX_CONTROL_ANSWER_BYTES);
    let client: ControlClient | undefined;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
        socket.destroy();
        if (client === undefined) reject(error);
        else client.#end(error);
      };
      const onAbort = (): void => fail(new CommandError('ABORTED', 'stopped before it was done'));
      const timer = setTimeout(() => {
        fail(new CommandError('TIMEOUT', 'the running process does not answer', { subject: options.socketPath }));
      }, options.timeoutMs ?? HELLO_TIMEOUT_MS);
      options.signal?.addEventListener('abort', onAbort, { once: true });
      if (options.signal?.aborted === true) onAbort();

      socket.on('error', (error) => fail(connectError(error, options)));
      socket.on('close', () => {
        // Before its hello it is there but full; afterwards it has ended.
        if (client === undefined) fail(new CommandError('CONTROL_SOCKET', 'the running process hung up at once'));
        else fail(new CommandError('NOT_RUNNING', 'the node ended'));
      });
      socket.on('data', (bytes) => {
        for (const line of lines.push(bytes)) {
          const message = decodeServerMessage(line);
          // A newer server may say what we do not know.
          if (message === undefined) continue;
          if (client !== undefined) {
            client.#receive(message);
          } else if ('hello' in message) {
            clearTimeout(timer);
            if (message.hello.protocol !== CONTROL_PROTOCOL_VERSION) {
              fail(versionMismatch(message.hello));
              return;
            }
            client = new ControlClient(socket, message.hello);
            resolve(client);
          }
        }
        if (lines.overflowed) fail(new CommandError('CONTROL_SOCKET', 'the answer is too long'));
      });
    });
  }

  /** Asks once. @throws CommandError as the node raised it; TIMEOUT after `timeoutMs`. */
  request(method: string, params: Record<string, unknown> = {}, timeoutMs = 10_000): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new CommandError('TIMEOUT', `the node did not answer "${method}"`));
      }, timeoutMs);
      this.#send(id, method, params, {
        onMessage: (message) => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          if ('error' in message) reject(fromFailure(message.error));
          else if ('result' in message) resolve(message.result);
        },
        onEnd: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Streams until the node ends (resolves with NOT_RUNNING thrown), or this client is disposed. */
  watch(intervalMs: number, onEvent: (event: unknown) => void): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.#send(
        this.#nextId++,
        'watch',
        { intervalMs },
        {
          onMessage: (message) => {
            if ('event' in message) onEvent(message.event);
            else if ('error' in message) reject(fromFailure(message.error));
          },
          onEnd: reject,
        },
      );
    });
  }

  [Symbol.dispose](): void {
    this.#end(new CommandError('ABORTED', 'stopped before it was done'));
    this.#socket.destroy();
  }

  #send(id: number, method: string, params: Record<string, unknown>, waiting: Waiting): void {
    if (this.#ended !== undefined) {
      waiting.onEnd(this.#ended);
      return;
    }
    this.#waiting.set(id, waiting);
    this.#socket.write(encodeLine({ id, method, params }));
  }

  #receive(message: ServerMessage): void {
    if ('hello' in message) return;
    if (message.id !== null) this.#waiting.get(message.id)?.onMessage(message);
    else if ('error' in message) this.#end(fromFailure(message.error));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) waiting.onEnd(error);
    this.#waiting.clear();
  }
}

export type SocketProbe =
  /** Nobody listens: no file, or what a dead process left. */
  | { readonly state: 'dead' }
  /** Somebody listens; `hello` is undefined when it does not speak our protocol in time. */
  | { readonly state: 'live'; readonly hello: Hello | undefined };

export async function probeControlSocket(
  socketPath: string,
  { timeoutMs }: { timeoutMs?: number } = {},
): Promise<SocketProbe> {
  try {
    using client = await ControlClient.connect({ socketPath, startAdvice: '', timeoutMs });
    return { state: 'live', hello: client.hello };
  } catch (error) {
    const dead = error instanceof CommandError && error.code === 'NOT_RUNNING';
    return dead ? { state: 'dead' } : { state: 'live', hello: undefined };
  }
}

function refuseStrangersSocket(options: ControlClientOptions): void {
  const { socketPath, owners = trustedOwners() } = options;
  let distrust: Distrust | undefined;
  try {
    distrust = distrustOfPath(socketPath, owners);
  } catch (error) {
    throw connectError(error as NodeJS.ErrnoException, options);
  }
  if (distrust === undefined) return;
  throw new CommandError('PERMISSION_DENIED', `the control socket is not to be trusted: ${distrust.found}`, {
    subject: socketPath,
    advice: `${distrust.suggestion} If the node runs as another user, ask as that user.`,
  });
}

function connectError(error: NodeJS.ErrnoException, options: ControlClientOptions): CommandError {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return new CommandError('NOT_RUNNING', 'no node runs on this configuration', { advice: options.startAdvice });
    case 'EACCES':
    case 'EPERM': {
      const { reason } = deniedPath(options.socketPath, error.code);
      return new CommandError('PERMISSION_DENIED', `the node belongs to another user: ${reason}`, {
        subject: options.socketPath,
        advice: 'Run this as the user who started it, or as root.',
      });
    }
    default:
      return new CommandError('CONTROL_SOCKET', `the node cannot be reached: ${error.message}`, {
        subject: options.socketPath,
        cause: error,
      });
  }
}

function versionMismatch(hello: Hello): CommandError {
  return new CommandError('CONTROL_SOCKET', `the running ${hello.role} is of another version (${hello.version})`, {
    subject: `pid ${String(hello.pid)}`,
    advice: 'Restart it with the version that you have now.',
  });
}
