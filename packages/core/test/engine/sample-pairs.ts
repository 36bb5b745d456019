import { transportAddress } from '@wirepath/stun-codec';
import { candidatePriority, type CandidateType } from '../../src/contracts/candidate.js';
import type { LocalBase } from '../../src/engine/engine-path.js';
import { CandidatePair } from '../../src/engine/pairs/candidate-pair.js';
import type { RemoteCandidate } from '../../src/engine/pairs/remote-candidates.js';

export const BASES = {
  udp4: { id: 'udp4', family: 4, kind: 'socket' },
  udp6: { id: 'udp6', family: 6, kind: 'socket' },
  relay: { id: 'relay', family: 4, kind: 'allocation' },
  relay2: { id: 'relay2', family: 4, kind: 'allocation' },
} as const satisfies Record<string, LocalBase>;

export const remote = (
  type: CandidateType,
  ip: string,
  { port = 40_000, priority = candidatePriority(type, 1) } = {},
): RemoteCandidate => ({ type, address: transportAddress(ip, port), priority });

export interface SamplePair {
  /** From where, to what. */
  readonly base?: keyof typeof BASES;
  readonly to?: CandidateType;
  readonly rttMs?: number;
  readonly lossy?: boolean;
  readonly heardAt?: number;
  readonly priority?: number;
  readonly failed?: boolean;
  readonly retiring?: boolean;
}

let count = 0;

/** A pair that has answered. */
export function provenPair(sample: SamplePair = {}): CandidatePair {
  const { base = 'udp4', to = 'host', rttMs = 50, lossy = false, heardAt = 0, priority = 1, failed = false } = sample;
  count += 1;
  const family = BASES[base].family;
  const ip = family === 6 ? `2001:db8::${count.toString(16)}` : `198.51.100.${(count % 250) + 1}`;
  const pair = new CandidatePair(BASES[base], remote(to, ip, { priority, port: 1024 + count }));
  pair.answered(heardAt, rttMs);
  pair.heard(heardAt);
  pair.loss.isLossy = lossy;
  pair.isRetiring = sample.retiring === true;
  if (failed) pair.fail();
  return pair;
}
