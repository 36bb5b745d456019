import type { TransportAddress } from '@wirepath/stun-codec';
import type { NatBehavior } from '../contracts/nat-behavior.js';
import type { RelayState } from './driver/allocations.js';
import type { Driver } from './driver/driver.js';
import type { DriverPorts } from './driver-ports.js';

/** What this machine's network lets through. */
export interface Survey {
  readonly reflexive: readonly TransportAddress[];
  readonly forwarded: readonly { readonly address: TransportAddress; readonly by: string }[];
  readonly natBehavior: NatBehavior;
  readonly relays: readonly RelayState[];
}

/** A survey waits this long for relays to answer. */
const SURVEY_RELAY_MS = 3000;
const NO_ANSWER = `no answer in ${SURVEY_RELAY_MS / 1000} s`;

export interface SurveyContext {
  readonly driver: Driver;
  readonly ports: DriverPorts;
  /** On a node that runs the allocations are there, and stay. */
  readonly isRunning: boolean;
  readonly signal: AbortSignal;
}

/** Gathers and allocates to see what the network lets through; on a node that was not started, just for that. */
export async function survey({ driver, ports, isRunning, signal }: SurveyContext): Promise<Survey> {
  const { sources, relays } = ports;
  if (!isRunning) relays.start(signal);
  try {
    await Promise.all([sources.gather(signal), relays.settled(SURVEY_RELAY_MS)]);
    return {
      reflexive: driver.candidates.reflexive(),
      forwarded: driver.candidates.forwarded(),
      natBehavior: driver.natBehavior,
      relays: driver.allocations
        .states()
        .map((relay) => (relay.state === 'connecting' ? { ...relay, error: NO_ANSWER } : relay)),
    };
  } finally {
    if (!isRunning) await relays.stop();
  }
}
