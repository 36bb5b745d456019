import { formatAddress, parseTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../../contracts/candidate.js';
import { NAT_DEPENDENCES, type NatBehavior, type NatDependence } from '../../contracts/nat-behavior.js';
import { PAIR_STATES } from '../../engine/pair-evidence.js';
import { CONNECTION_TYPES } from '../../engine/connection-type.js';
import {
  MAX_SIGNALLED_CANDIDATES,
  type CallMessage,
  type DescriptionId,
  type SignalledCandidate,
} from '../../engine/messages.js';
import { MAX_PAIRS_TOLD, type PairEvidence } from '../../engine/pair-evidence.js';
import { isMessageTime } from './message-time.js';

/** A call message with the time at which it was sealed. */
export interface TimedMessage {
  /** TAI64N, hex. */
  readonly time: string;
  readonly message: CallMessage;
}

/** Longer than any message with the allowed numbers of candidates and pairs. */
const MAX_MESSAGE_BYTES = 6144;
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
  const { runId, generation, revision, ufrag, password, natBehavior, call, seen, asksForEvidence, evidence } = message;
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
      ...(asksForEvidence && { a: 1 }),
      ...(evidence && { e: evidence.slice(0, MAX_PAIRS_TOLD).map(encodeEvidence) }),
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
  const { t: time, i, u: ufrag, p: password, n, m: call, c, s, a, e } = value as Record<string, unknown>;
  const id = decodeId(i);
  const seen = s === null ? null : decodeId(s);
  if (!isMessageTime(time) || id === undefined || seen === undefined || !isToken(ufrag) || !isToken(password)) {
    return undefined;
  }
  const natBehavior = decodeNatBehavior(n);
  const candidates = decodeList(c, MAX_SIGNALLED_CANDIDATES, decodeCandidate);
  if (natBehavior === undefined || typeof call !== 'boolean' || candidates === undefined) return undefined;
  // Few messages carry these.
  const evidence = e === undefined ? null : decodeList(e, MAX_PAIRS_TOLD, decodeEvidence);
  if (evidence === undefined || (a !== undefined && a !== 1)) return undefined;
  const asksForEvidence = a === 1;
  return { time, message: { ...id, ufrag, password, natBehavior, call, candidates, seen, asksForEvidence, evidence } };
}

/** At most `max` of a list; undefined where it is none, or one of these cannot be read. */
function decodeList<T>(value: unknown, max: number, decode: (item: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value.slice(0, max).map(decode);
  return items.every((item) => item !== undefined) ? items : undefined;
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
  const address = decodeAddress(text);
  if (type === undefined || address === undefined || !isCount(priority)) return undefined;
  return { type, address, priority };
}

function decodeAddress(text: unknown): TransportAddress | undefined {
  const address = typeof text === 'string' && text.length < 80 ? parseTransportAddress(text) : undefined;
  return address?.port === 0 ? undefined : address;
}

function encodeEvidence(pair: PairEvidence): readonly (string | number)[] {
  const { base, family, remote, connection, state, inUse, checksSent, responses, checksReceived } = pair;
  const where = [base === 'allocation' ? 1 : 0, family, formatAddress(remote), CONNECTION_TYPES.indexOf(connection)];
  return [...where, PAIR_STATES.indexOf(state), inUse ? 1 : 0, checksSent, responses, checksReceived];
}

function decodeEvidence(value: unknown): PairEvidence | undefined {
  if (!Array.isArray(value) || value.length !== 9) return undefined;
  const [base, family, text, connectionIndex, stateIndex, inUse, ...counts] = value as unknown[];
  const remote = decodeAddress(text);
  const connection = isCount(connectionIndex) ? CONNECTION_TYPES[connectionIndex] : undefined;
  const state = isCount(stateIndex) ? PAIR_STATES[stateIndex] : undefined;
  if (remote === undefined || connection === undefined || state === undefined || !counts.every(isCount))
    return undefined;
  if (!isBit(base) || !isBit(inUse) || (family !== 4 && family !== 6)) return undefined;
  const [checksSent = 0, responses = 0, checksReceived = 0] = counts;
  return {
    base: base === 1 ? 'allocation' : 'socket',
    family,
    remote,
    connection,
    state,
    inUse: inUse === 1,
    checksSent,
    responses,
    checksReceived,
  };
}

function isBit(value: unknown): value is 0 | 1 {
  return value === 0 || value === 1;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

/** Characters of base64url: what we make, and nothing that could upset a log or a USERNAME. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{4,64}$/.test(value);
}
