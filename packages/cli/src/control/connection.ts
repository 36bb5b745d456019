import { toFailure } from './failure.js';
import { CommandError } from '../wording/command-error.js';
import { LineSplitter } from './line-splitter.js';
import {
  decodeRequest,
  encodeLine,
  MAX_CONTROL_REQUEST_BYTES,
  type ControlRequest,
  type Hello,
  type ServerMessage,
} from './protocol.js';

/** What the process behind the socket can do. Methods may throw CodedErrors: the client prints them as its own. */
export interface ControlHandler {
  readonly hello: Hello;
  readonly methods: ReadonlyMap<string, ControlMethod>;
  /** What `watch` streams. */
  snapshot(): unknown;
  /** Calls back when a snapshot is worth sending before the next interval. */
  onChange(listener: () => void): Disposable;
}

export type ControlMethod = (
  params: Readonly<Record<string, unknown>>,
  options: { readonly signal: AbortSignal },
) => unknown;

/** The client's end, as far as the protocol needs it. */
export interface ControlPeer {
  write(text: string): void;
  /** Bytes written that the client has not taken yet. */
  readonly backlogBytes: number;
  end(): void;
}

/** Requests of one client that may be unanswered at a time: a person with `ping` needs one. */
const MAX_PENDING_REQUESTS = 8;
/** Even a burst of changes redraws no faster than an eye can follow. */
const WATCH_MIN_INTERVAL_MS = 100;
const WATCH_MAX_INTERVAL_MS = 60_000;

/** One client's conversation, without the socket: bytes in through {@link push}, lines out through the peer. */
export class ControlConnection {
  readonly #handler: ControlHandler;
  readonly #peer: ControlPeer;
  readonly #lines = new LineSplitter(MAX_CONTROL_REQUEST_BYTES);
  readonly #abort = new AbortController();
  #pending = 0;
  #watching = false;

  constructor(handler: ControlHandler, peer: ControlPeer) {
    this.#handler = handler;
    this.#peer = peer;
    this.#send({ hello: handler.hello });
  }

  push(bytes: Uint8Array): void {
    for (const line of this.#lines.push(bytes)) {
      const request = decodeRequest(line);
      if (request === undefined) this.#refuse(null, 'not a request');
      else if (this.#pending >= MAX_PENDING_REQUESTS) this.#refuse(request.id, 'too many requests at once');
      else void this.#answer(request);
    }
    if (this.#lines.overflowed) {
      this.#refuse(null, `a request is at most ${String(MAX_CONTROL_REQUEST_BYTES)} bytes`);
      this.#peer.end();
    }
  }

  /** The socket is gone: what still runs for this client is aborted. */
  close(): void {
    this.#abort.abort();
  }

  async #answer(request: ControlRequest): Promise<void> {
    if (request.method === 'watch') {
      this.#watch(request);
      return;
    }
    const method = this.#handler.methods.get(request.method);
    if (method === undefined) {
      this.#refuse(request.id, `no method "${request.method.slice(0, 40)}"`);
      return;
    }
    this.#pending += 1;
    try {
      const result: unknown = await method(request.params, { signal: this.#abort.signal });
      this.#send({ id: request.id, result: result ?? null });
    } catch (error) {
      this.#send({ id: request.id, error: toFailure(error) });
    } finally {
      this.#pending -= 1;
    }
  }

  #watch({ id, params }: ControlRequest): void {
    if (this.#watching) {
      this.#refuse(id, 'this connection watches already');
      return;
    }
    this.#watching = true;
    const asked = typeof params.intervalMs === 'number' ? params.intervalMs : 1000;
    const intervalMs = Math.min(Math.max(asked, WATCH_MIN_INTERVAL_MS), WATCH_MAX_INTERVAL_MS);

    let changeTimer: NodeJS.Timeout | undefined;
    const sendSnapshot = (): void => {
      changeTimer = undefined;
      // A client that does not read gets fewer snapshots, never a longer queue.
      if (this.#peer.backlogBytes > 0) return;
      try {
        this.#send({ id, event: this.#handler.snapshot() });
      } catch (error) {
        this.#send({ id, error: toFailure(error) });
      }
    };
    const interval = setInterval(sendSnapshot, intervalMs);
    const changes = this.#handler.onChange(() => {
      changeTimer ??= setTimeout(sendSnapshot, WATCH_MIN_INTERVAL_MS);
    });
    this.#abort.signal.addEventListener('abort', () => {
      clearInterval(interval);
      clearTimeout(changeTimer);
      changes[Symbol.dispose]();
    });
    sendSnapshot();
  }

  #refuse(id: number | null, message: string): void {
    this.#send({ id, error: toFailure(new CommandError('BAD_REQUEST', message)) });
  }

  #send(message: ServerMessage): void {
    if (!this.#abort.signal.aborted) this.#peer.write(encodeLine(message));
  }
}
