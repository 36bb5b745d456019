import { transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { Transport, TransportPeerStats } from '../../../src/contracts/transport.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { CandidateTrials } from '../../../src/shell/transport/candidate-trials.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import type { CallMessage } from '../../../src/engine/messages.js';

const PRIVATE = transportAddress('192.168.1.2', 51820);
const PUBLIC = transportAddress('198.51.100.7', 40312);

const MESSAGE = {
  candidates: [
    { type: 'server-reflexive', address: PUBLIC, priority: 1 },
    { type: 'host', address: PRIVATE, priority: 2 },
    { type: 'relayed', address: transportAddress('203.0.113.10', 50000), priority: 0 },
  ],
} as const satisfies Partial<CallMessage> as unknown as CallMessage;

/** A device on which only the public address answers. */
function device(
  stats: (clock: FakeClock) => Partial<TransportPeerStats>,
  {
    refuse = (): string | undefined => undefined,
    maxTrials = 10,
  }: { refuse?: (address: TransportAddress) => string | undefined; maxTrials?: number } = {},
) {
  const clock = new FakeClock();
  const tried: TransportAddress[] = [];
  const transport = {
    stats: () => [{ publicKey: 'b', lastHandshakeMs: null, rxBytes: 0, txBytes: 0, endpoint: null, ...stats(clock) }],
    tryEndpoint: async (_peer: string, endpoint: TransportAddress) => {
      tried.push(endpoint);
      return endpoint === PUBLIC;
    },
  } as Partial<Transport> as Transport;
  return { clock, tried, trials: new CandidateTrials(transport, clock, silentLogger(), refuse, maxTrials) };
}

describe('endpoints of a device whose socket is not ours', () => {
  it('are tried one after another, the best first, until one is proven; a relay cannot be one', async () => {
    const { clock, tried, trials } = device(() => ({}));
    trials.begin('b', MESSAGE);
    await clock.advance(0);
    expect(tried).toEqual([PRIVATE, PUBLIC]);
  });

  it('are not tried where they are refused, nor more than the limit of pairs', async () => {
    const refuse = ({ ip }: TransportAddress) => (ip === PRIVATE.ip ? 'ours' : undefined);
    const refusing = device(() => ({}), { refuse });
    refusing.trials.begin('b', MESSAGE);
    await refusing.clock.advance(0);
    expect(refusing.tried).toEqual([PUBLIC]);
    const limited = device(() => ({}), { maxTrials: 1 });
    limited.trials.begin('b', MESSAGE);
    await limited.clock.advance(0);
    expect(limited.tried).toEqual([PRIVATE]);
  });

  const live = (clock: FakeClock) => ({ endpoint: PUBLIC, lastHandshakeMs: clock.unixMs() - 60_000 });
  it.each([
    ['a session lives at one of them', live, []],
    [
      'it is older than WireGuard lets one be',
      (clock: FakeClock) => ({ ...live(clock), lastHandshakeMs: clock.unixMs() - 200_000 }),
      [PRIVATE, PUBLIC],
    ],
    [
      'it lives where the peer no longer says it is',
      (clock: FakeClock) => ({ ...live(clock), endpoint: transportAddress('198.51.100.8', 1) }),
      [PRIVATE, PUBLIC],
    ],
  ] as const)('where %s', async (_where, stats, expected) => {
    const { clock, tried, trials } = device(stats);
    trials.begin('b', MESSAGE);
    await clock.advance(0);
    expect(tried).toEqual(expected);
  });
});
