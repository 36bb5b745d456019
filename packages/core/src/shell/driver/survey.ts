import type { TransportAddress } from '@wirepath/stun-codec';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { Allocations, RelayState } from './allocations.js';
import type { Gathering } from './gathering.js';

/** What this machine's network lets through. */
export interface Survey {
  readonly reflexive: readonly TransportAddress[];
  readonly natBehavior: NatBehavior;
  readonly relays: readonly RelayState[];
}

/** A survey waits this long for relays to answer. */
const SURVEY_RELAY_MS = 3000;
const NO_ANSWER = `no answer in ${SURVEY_RELAY_MS / 1000} s`;

export interface SurveyContext {
  readonly gathering: Gathering;
  readonly allocations: Allocations;
  /** On a node that runs the allocations are there, and stay. */
  readonly isRunning: boolean;
  readonly signal: AbortSignal;
}

/** Gathers and allocates to see what the network lets through; on a node that was not started, just for that. */
export async function survey({ gathering, allocations, isRunning, signal }: SurveyContext): Promise<Survey> {
  if (!isRunning) allocations.start(signal);
  try {
    await Promise.all([gathering.gather(signal), allocations.settled(SURVEY_RELAY_MS)]);
    gathering.addAllocations();
    return {
      reflexive: gathering.candidates.reflexive(),
      natBehavior: gathering.natBehavior(),
      relays: allocations
        .states()
        .map((relay) => (relay.state === 'connecting' ? { ...relay, error: NO_ANSWER } : relay)),
    };
  } finally {
    if (!isRunning) await allocations.stop();
  }
}
