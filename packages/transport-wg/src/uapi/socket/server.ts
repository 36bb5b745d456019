import { createServer, type Server, type Socket } from 'node:net';
import { CodedError, deniedPath, isDenied, isInterfaceName, type Guard, type Logger } from '@wirepath/core/plugin';
import { formatErrnoAnswer, formatGetAnswer } from '../answer.js';
import type { UapiDevice } from '../device.js';
import { UAPI_ERRNO, UapiError } from '../errno.js';
import { UapiRequestReader, type UapiRequest } from '../request.js';
import { claimSocket, uapiSocketPath, WIREGUARD_FOLDER, type ClaimedSocket } from './socket-file.js';

export interface UapiServerOptions {
  readonly interfaceName: string;
  readonly device: UapiDevice;
  /** @default /var/run/wireguard, where `wg` looks */
  readonly folder?: string;
  readonly logger?: Logger;
  readonly guard: Guard;
  /** Connections beyond these are closed at once. @default 16 */
  readonly maxConnections?: number;
  /** A connection that neither sends nor takes anything for so long is closed. @default 10000 */
  readonly idleTimeoutMs?: number;
  /** @default 4 MiB */
  readonly maxRequestBytes?: number;
}

/** Serves a device over the cross-platform UAPI, so that `wg` sees and configures it. */
export class UapiServer {
  readonly #options: UapiServerOptions;
  readonly #connections = new Set<Socket>();
  readonly #counters = { requests: 0, refused: 0, crowdedOut: 0, timedOut: 0 };
  #server: Server | undefined;
  #socket: ClaimedSocket | undefined;
  #starting: Promise<unknown> | undefined;
  #stopped = false;

  /** @throws CodedError CONFIG when there can be no interface of that name. */
  constructor(options: UapiServerOptions) {
    if (!isInterfaceName(options.interfaceName)) {
      throw new CodedError('CONFIG', 'not a name for an interface', { subject: options.interfaceName });
    }
    this.#options = options;
  }

  get path(): string {
    return uapiSocketPath(this.#options.interfaceName, this.#options.folder ?? WIREGUARD_FOLDER);
  }

  /** Requests answered, refused ones among them, and connections closed for being too many or idle. */
  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters };
  }

  /**
   * @returns 'held' where a live process serves a device of that name: nothing has been changed then.
   * @throws CodedError PERMISSION_DENIED (also where others may write the folder), NETWORK_CONFIG.
   */
  async start(options: { signal: AbortSignal }): Promise<'serving' | 'held'> {
    const starting = this.#start(options.signal);
    // stop() waits for it; its failure is the caller's of start().
    this.#starting = starting.catch(() => undefined);
    return starting;
  }

  async #start(signal: AbortSignal): Promise<'serving' | 'held'> {
    if (this.#stopped || signal.aborted) throw new CodedError('ABORTED');
    const server = createServer(this.#options.guard.wrap('UAPI connection', (socket) => this.#accept(socket)));
    try {
      const claimed = await claimSocket(server, this.path);
      if (claimed === 'held') return 'held';
      this.#server = server;
      this.#socket = claimed;
    } catch (error) {
      throw this.#openError(error);
    }
    server.on('error', (error) => this.#options.logger?.warn('the UAPI socket failed', { error: error.message }));
    if (this.#stopped || signal.aborted) {
      await this.#close();
      throw new CodedError('ABORTED');
    }
    return 'serving';
  }

  #openError(cause: unknown): CodedError {
    if (cause instanceof CodedError) return cause;
    const subject = this.path;
    const what = 'the UAPI socket could not be opened';
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
    if (!isDenied(code)) return new CodedError('NETWORK_CONFIG', what, { subject, cause });
    const { reason, advice } = deniedPath(subject, code);
    return new CodedError('PERMISSION_DENIED', `${what}: ${reason}`, { subject, advice, cause });
  }

  /** Idempotent; removes the socket file, if it is still ours. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#starting;
    await this.#close();
  }

  /** Of a process that is ending: the file alone. */
  removeNow(): void {
    this.#socket?.releaseNow();
  }

  async #close(): Promise<void> {
    const server = this.#server;
    const socket = this.#socket;
    this.#server = this.#socket = undefined;
    for (const connection of this.#connections) connection.destroy();
    await socket?.release();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  #accept(socket: Socket): void {
    // A client that hangs up early is its own affair.
    socket.on('error', () => socket.destroy());
    if (this.#connections.size >= (this.#options.maxConnections ?? 16)) {
      this.#counters.crowdedOut += 1;
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.setTimeout(this.#options.idleTimeoutMs ?? 10_000, () => {
      this.#counters.timedOut += 1;
      socket.destroy();
    });
    const { maxRequestBytes } = this.#options;
    const reader = new UapiRequestReader(maxRequestBytes === undefined ? {} : { maxRequestBytes });
    const onData = (bytes: Buffer) => {
      for (const request of reader.push(bytes)) {
        const answer = this.#answer(request);
        if (request.kind === 'invalid' && request.fatal) {
          socket.end(answer);
          // What else it sends is neither read nor kept.
          socket.destroySoon();
          return;
        }
        // A client that asks and never reads the answers is not asked for more until it does.
        if (!socket.write(answer)) {
          socket.pause();
          socket.once('drain', () => socket.resume());
        }
      }
    };
    socket.on('data', this.#options.guard.wrap('UAPI request', onData));
  }

  #answer(request: UapiRequest): string {
    this.#counters.requests += 1;
    try {
      switch (request.kind) {
        case 'get':
          return formatGetAnswer(this.#options.device.describe());
        case 'set':
          this.#options.device.apply(request.change);
          return formatErrnoAnswer(0);
        case 'invalid':
          throw request.error;
      }
    } catch (error) {
      this.#counters.refused += 1;
      // The message of a UapiError holds no value, another error's might.
      const reason = error instanceof UapiError ? error.message : 'the device failed';
      this.#options.logger?.warn('a UAPI request was refused', { request: request.kind, reason });
      return formatErrnoAnswer(error instanceof UapiError ? error.errno : UAPI_ERRNO.EIO);
    }
  }
}
