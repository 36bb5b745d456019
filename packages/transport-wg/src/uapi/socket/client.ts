import { connect } from 'node:net';
import { CodedError, deniedPath, distrustOfPath, isDenied, trustedOwners } from '@wirepath/core/plugin';
import { UapiAnswerReader, type UapiAnswer } from '../answer.js';
import type { DeviceControl, UapiChange, UapiDeviceState } from '../device.js';
import { UAPI_ERRNO, UapiError } from '../errno.js';
import { formatGetRequest, formatSetRequest } from '../request.js';
import { uapiSocketPath } from './socket-file.js';

export interface UapiClientOptions {
  /** Of the socket file; {@link uapiSocketPath} of an interface. */
  readonly path: string;
  /** For one request. @default 5000 */
  readonly timeoutMs?: number;
}

/**
 * Drives a userspace device (wireguard-go, boringtun, or our own) over its UAPI socket, one connection per request:
 * boringtun answers one only.
 */
export class UapiClient implements DeviceControl {
  readonly #path: string;
  readonly #timeoutMs: number;

  constructor(options: UapiClientOptions) {
    this.#path = options.path;
    this.#timeoutMs = options.timeoutMs ?? 5000;
  }

  static forInterface(interfaceName: string, folder?: string): UapiClient {
    return new UapiClient({ path: uapiSocketPath(interfaceName, folder) });
  }

  /**
   * Our private key goes over this socket: it is spoken to only where nobody but root and we could have put it.
   * @throws UapiError; CodedError INTERFACE_NOT_FOUND, PERMISSION_DENIED, NETWORK_CONFIG, TIMEOUT, ABORTED.
   */
  async get(options: { signal?: AbortSignal } = {}): Promise<UapiDeviceState> {
    return (await this.#ask('get', formatGetRequest(), options.signal)).state;
  }

  /** @throws as {@link get}. */
  async set(change: UapiChange, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#ask('set', formatSetRequest(change), options.signal);
  }

  #ask(verb: string, request: string, signal: AbortSignal | undefined): Promise<UapiAnswer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new CodedError('ABORTED'));
        return;
      }
      const distrust = this.#distrust();
      if (distrust !== undefined) {
        reject(distrust);
        return;
      }
      const socket = connect(this.#path);
      const reader = new UapiAnswerReader();
      const onAbort = () => settle(() => reject(new CodedError('ABORTED')));
      const timer = setTimeout(
        () => settle(() => reject(new CodedError('TIMEOUT', 'the device did not answer', { subject: this.#path }))),
        this.#timeoutMs,
      );
      const settle = (outcome: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        socket.destroy();
        outcome();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.on('error', (error) => settle(() => reject(this.#wrap(error))));
      socket.on('end', () => settle(() => reject(new UapiError(UAPI_ERRNO.EPROTO, 'the device hung up')))); // a second settle is none
      socket.on('data', (bytes) => {
        try {
          const answer = reader.push(bytes);
          if (answer === undefined) return;
          if (answer.errno === 0) settle(() => resolve(answer));
          else
            settle(() => reject(new UapiError(answer.errno, `the device refused ${verb} with errno ${answer.errno}`)));
        } catch (error) {
          settle(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      });
      socket.write(request);
    });
  }

  #distrust(): CodedError | undefined {
    try {
      const distrust = distrustOfPath(this.#path, trustedOwners({}));
      if (distrust === undefined) return undefined;
      return new CodedError('PERMISSION_DENIED', `the UAPI socket is not to be trusted: ${distrust.found}`, {
        subject: this.#path,
        advice: distrust.suggestion,
      });
    } catch (error) {
      return this.#wrap(error as Error);
    }
  }

  #wrap(error: Error): CodedError {
    const code = 'code' in error ? error.code : undefined;
    const details = { subject: this.#path, cause: error };
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new CodedError('INTERFACE_NOT_FOUND', 'no WireGuard device answers there', details);
    }
    if (isDenied(code)) {
      const { reason, advice } = deniedPath(this.#path, String(code));
      return new CodedError('PERMISSION_DENIED', `the device's UAPI socket may not be opened: ${reason}`, {
        ...details,
        advice,
      });
    }
    return new CodedError('NETWORK_CONFIG', "the device's UAPI socket failed", details);
  }
}
