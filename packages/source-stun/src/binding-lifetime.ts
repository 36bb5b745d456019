import { sleep, type Base, type Clock, type Datagrams, type TransportAddress } from '@wirepath/core/plugin';
import type { StunClient } from './stun-client.js';

/** Idle times that are tried, one after another. Common NATs forget after 30 s to 5 min; RFC 4787 asks for 2 min or more. */
const IDLE_MS = [10_000, 20_000, 40_000, 80_000, 160_000] as const;
/** Where not even the first is survived. */
const LEAST_MS = 5000;

export interface LifetimeProbeNeeds {
  readonly client: StunClient;
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  /** One that heeds RESPONSE-PORT. */
  readonly server: TransportAddress;
  readonly signal: AbortSignal;
}

/**
 * How long the NAT remembers a mapping that nothing goes over (RFC 5780 4.6): a spare socket makes one and falls silent;
 * later another socket asks the server to answer there. It takes minutes and one datagram at a time.
 * @returns the longest idle time that was survived, ms, up to 160000; undefined where the server does not do it, or aborted.
 */
export async function learnBindingLifetime(needs: LifetimeProbeNeeds): Promise<number | undefined> {
  const { client, datagrams, clock, server, signal } = needs;
  const idle = await datagrams.openBase(server.family, { signal });
  let asking: Base | undefined;
  try {
    asking = await datagrams.openBase(server.family, { signal });
    let survivedMs: number | undefined;
    for (const idleMs of IDLE_MS) {
      const made = await client.request({ base: idle, server, signal });
      if (made.kind !== 'answered') return survivedMs;
      // Aborted, the request that follows is, too.
      await sleep(clock, idleMs, signal);
      const answerTo = { base: idle, port: made.mapped.port };
      const { kind } = await client.request({ base: asking, server, answerTo, signal });
      if (kind === 'silent') return survivedMs ?? LEAST_MS;
      if (kind !== 'answered') return survivedMs;
      survivedMs = idleMs;
    }
    return survivedMs;
  } finally {
    datagrams.closeBase(idle);
    if (asking !== undefined) datagrams.closeBase(asking);
  }
}
