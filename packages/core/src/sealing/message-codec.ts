import { formatAddress, parseTransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../contracts/candidate.js';
import { NAT_DEPENDENCES, type NatBehavior, type NatDependence } from '../contracts/nat-behavior.js';
import {
  MAX_SIGNALLED_CANDIDATES,
  type CallMessage,
  type DescriptionId,
  type SignalledCandidate,
} from '../traversal/messages.js';
import { isMessageTime } from './message-time.js';

/** A call message with the time at which it was sealed. */
export interface TimedMessage {
  /** TAI64N, hex. */
  readonly time: string;
  readonly message: CallMessage;
}

/** Longer than any message with the allowed number of candidates. */
const MAX_MESSAGE_BYTES = 4096;
/** Less would have us send without end. */
const LEAST_LIFETIME_MS = 1000;
const TYPE_CODES: Readonly<Record<CandidateType, string>> = {
  host: 'h',
  'server-reflexive': 's',
  'peer-reflexive': 'p',
  relayed: 'r',
};
const TYPES = new Map(Object.entries(TYPE_CODES).map(([type, code]) => [code, type as CandidateType]));

/** The plaintext of a sealed message: compact JSON, read strictly. */
export function encodeMessage({ time, message }: TimedMessage): Uint8Array {
  const { runId, generation, revision, ufrag, password, natBehavior, call, seen } = message;
  const candidates = message.candidates
    .slice(0, MAX_SIGNALLED_CANDIDATES)
    .map(({ type, address, priority }) => [TYPE_CODES[type], formatAddress(address), priority]);
  const id = [runId, generation, revision];
  return Buffer.from(
    JSON.stringify({
      t: time,
      i: id,
      u: ufrag,
      p: password,
      n: [natBehavior.mapping, natBehavior.filtering, natBehavior.bindingLifetimeMs ?? null],
      m: call,
      c: candidates,
      s: seen && [seen.runId, seen.generation, seen.revision],
    }),
  );
}

/** @returns undefined for anything that is not exactly a message. Never throws. */
export function decodeMessage(bytes: Uint8Array): TimedMessage | undefined {
  if (bytes.length > MAX_MESSAGE_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    // Sealed by a real peer, but not a message of this version: counted by the caller.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { t: time, i, u: ufrag, p: password, n, m: call, c, s } = value as Record<string, unknown>;
  const id = decodeId(i);
  const seen = s === null ? null : decodeId(s);
  if (!isMessageTime(time) || id === undefined || seen === undefined || !isToken(ufrag) || !isToken(password)) {
    return undefined;
  }
  const natBehavior = decodeNatBehavior(n);
  if (natBehavior === undefined || typeof call !== 'boolean' || !Array.isArray(c)) return undefined;
  const candidates = c.slice(0, MAX_SIGNALLED_CANDIDATES).map(decodeCandidate);
  if (!candidates.every((candidate) => candidate !== undefined)) return undefined;
  return { time, message: { ...id, ufrag, password, natBehavior, call, candidates, seen } };
}

function decodeId(value: unknown): DescriptionId | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [runId, generation, revision] = value as unknown[];
  if (typeof runId !== 'string' || !/^[0-9a-f]{16}$/.test(runId)) return undefined;
  return isCount(generation) && isCount(revision) ? { runId, generation, revision } : undefined;
}

function decodeNatBehavior(value: unknown): NatBehavior | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [mapping, filtering, bindingLifetimeMs] = value as unknown[];
  if (!isDependence(mapping) || !isDependence(filtering)) return undefined;
  if (bindingLifetimeMs === null) return { mapping, filtering };
  const isLifetime = typeof bindingLifetimeMs === 'number' && bindingLifetimeMs >= LEAST_LIFETIME_MS;
  return isLifetime ? { mapping, filtering, bindingLifetimeMs } : undefined;
}

function isDependence(value: unknown): value is NatDependence | null {
  return value === null || NAT_DEPENDENCES.some((dependence) => dependence === value);
}

function decodeCandidate(value: unknown): SignalledCandidate | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [code, text, priority] = value as unknown[];
  const type = typeof code === 'string' ? TYPES.get(code) : undefined;
  const address = typeof text === 'string' && text.length < 80 ? parseTransportAddress(text) : undefined;
  if (type === undefined || address === undefined || address.port === 0 || !isCount(priority)) return undefined;
  return { type, address, priority };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

/** Characters of base64url: what we make, and nothing that could upset a log or a USERNAME. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{4,64}$/.test(value);
}
