/**
 * The control protocol: JSON lines over a unix socket, as values. No I/O here.
 *
 * The server speaks first, with a {@link Hello}. Then requests and answers, matched by `id`; a `watch` is answered by
 * any number of events and ends with the connection.
 */

/** A change that an older client or server would misread. */
export const CONTROL_PROTOCOL_VERSION = 1;

/** A request is a method and a peer's name: what is longer is not ours. */
export const MAX_CONTROL_REQUEST_BYTES = 4096;
/** An answer holds every candidate pair of every peer at most. */
export const MAX_CONTROL_ANSWER_BYTES = 64 * 1024 * 1024;

export type ProcessRole = 'node' | 'server';

export interface Hello {
  readonly protocol: number;
  /** The product's name. */
  readonly product: string;
  readonly version: string;
  readonly pid: number;
  readonly role: ProcessRole;
  /** The node's; null for a server. */
  readonly publicKey: string | null;
}

export interface ControlRequest {
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A CodedError on the wire. */
export interface ControlFailure {
  readonly code: string;
  readonly message: string;
  readonly subject: string | null;
  readonly advice: string | null;
}

export type ServerMessage =
  | { readonly hello: Hello }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number | null; readonly error: ControlFailure };

export function encodeLine(message: ServerMessage | ControlRequest): string {
  return `${JSON.stringify(message)}\n`;
}

/** @returns undefined for what is not a request; `id` must be a safe integer so that the answer carries it unchanged. */
export function decodeRequest(line: string): ControlRequest | undefined {
  const value = parseObject(line);
  if (value === undefined || !Number.isSafeInteger(value.id) || typeof value.method !== 'string') return undefined;
  const params = value.params ?? {};
  if (!isRecord(params)) return undefined;
  return { id: value.id as number, method: value.method, params };
}

/** @returns undefined for what no server of ours says. */
export function decodeServerMessage(line: string): ServerMessage | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  if (isRecord(value.hello)) {
    const hello = decodeHello(value.hello);
    return hello === undefined ? undefined : { hello };
  }
  if (value.error !== undefined) {
    const error = decodeFailure(value.error);
    const id = value.id === null || Number.isSafeInteger(value.id) ? (value.id as number | null) : undefined;
    return error === undefined || id === undefined ? undefined : { id, error };
  }
  if (!Number.isSafeInteger(value.id)) return undefined;
  const id = value.id as number;
  if ('result' in value) return { id, result: value.result };
  if ('event' in value) return { id, event: value.event };
  return undefined;
}

function decodeHello(value: Record<string, unknown>): Hello | undefined {
  const { protocol, product, version, pid, role, publicKey } = value;
  if (!Number.isSafeInteger(protocol) || !Number.isSafeInteger(pid)) return undefined;
  if (typeof product !== 'string' || typeof version !== 'string') return undefined;
  if (role !== 'node' && role !== 'server') return undefined;
  return {
    protocol: protocol as number,
    product,
    version,
    pid: pid as number,
    role,
    publicKey: typeof publicKey === 'string' ? publicKey : null,
  };
}

function decodeFailure(value: unknown): ControlFailure | undefined {
  if (!isRecord(value) || typeof value.code !== 'string' || typeof value.message !== 'string') return undefined;
  return {
    code: value.code,
    message: value.message,
    subject: typeof value.subject === 'string' ? value.subject : null,
    advice: typeof value.advice === 'string' ? value.advice : null,
  };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    // Not JSON: the caller answers or counts it.
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
