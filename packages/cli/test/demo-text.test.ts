import { describe, expect, it } from 'vitest';
import type { ScenarioResult } from '../src/demo/scenario.js';
import { formatDemo } from '../src/text/demo-text.js';
import { palette } from '../src/text/palette.js';
import { peerStatus } from './fixtures.js';

type Success = Extract<ScenarioResult, { ok: true }>;

const echo = (avg: number) => ({ sent: 10, received: 10, rttMs: { min: 0.1, avg, max: 9 } });

function success(changes: Partial<Success> & Pick<Success, 'connection' | 'peers'>): Success {
  return {
    setting: 'a setting',
    ok: true,
    firstEcho: { afterMs: 61.2, connection: changes.connection },
    timeToConnectMs: 98.4,
    echo: { aToB: echo(1.234), bToA: echo(0.92) },
    throughput: { bytes: 37_500_000, durationMs: 1000, bitsPerSecond: 300e6 },
    ...changes,
  };
}

const sees = (name: 'a' | 'b', connection: Success['connection'], endpoint: string, relay: string | null = null) =>
  peerStatus({ name, connection, endpoint, relay });

const direct = success({
  connection: 'direct',
  setting: 'no NAT between them',
  peers: [sees('b', 'direct', '127.0.0.1:2222'), sees('a', 'direct', '127.0.0.1:1111')],
});
const holePunched = success({
  connection: 'hole-punched',
  setting: 'both behind NATs that change every port',
  peers: [sees('b', 'hole-punched', '127.0.2.1:2222'), sees('a', 'hole-punched', '127.0.1.1:1111')],
});
const relayed = success({
  connection: 'relayed',
  setting: 'both behind symmetric NATs',
  peers: [
    sees('b', 'relayed', '127.0.2.1:2222', 'turn:127.0.0.1:3478'),
    sees('a', 'relayed', '127.0.0.1:50660', '127.0.0.1:50660'),
  ],
});

const text = (...results: ScenarioResult[]) => formatDemo(results, palette(false));

describe('demo', () => {
  it('shows how each scenario went, and which way the datagrams took', () => {
    expect(text(direct, holePunched, relayed)).toBe(
      [
        'CONNECTION    CONNECTED IN  ECHO A>B / B>A     THROUGHPUT  SETTING',
        'direct        61 ms         1.23 ms / 0.92 ms  300 Mbit/s  no NAT between them',
        'hole-punched  61 ms         1.23 ms / 0.92 ms  300 Mbit/s  both behind NATs that change every port',
        'relayed       61 ms         1.23 ms / 0.92 ms  300 Mbit/s  both behind symmetric NATs',
        '',
        'CONNECTION    A SENDS TO                                  B SENDS TO',
        'direct        127.0.0.1:2222                              127.0.0.1:1111',
        'hole-punched  127.0.2.1:2222                              127.0.1.1:1111',
        'relayed       127.0.2.1:2222 through turn:127.0.0.1:3478  127.0.0.1:50660, relayed address of A',
        '',
      ].join('\n'),
    );
  });

  it('says so when the first echo came through the relay, before the hole was punched', () => {
    const started = { ...holePunched, firstEcho: { afterMs: 61, connection: 'relayed' as const } };
    expect(text(started)).toContain('hole-punched  61 ms relayed, 98 ms hole-punched  1.23 ms');
  });

  it('shows both views where the nodes do not agree', () => {
    const [forA, forB] = relayed.peers;
    const peers = [forA!, { ...forB!, connection: 'hole-punched' as const }];
    expect(text({ ...relayed, peers })).toContain('\nrelayed / hole-punched  61 ms');
  });

  it('says what failed, and shows the others', () => {
    const failed = text(direct, {
      connection: 'relayed',
      setting: 'both ...',
      ok: false,
      error: 'not relayed: \u001b[31m',
    });
    expect(failed).toContain('\nrelayed     failed        -                  -           both ...\n');
    expect(failed).toContain('\nfailed  relayed: not relayed: ');
    expect(failed).not.toContain('\u001b');
  });

  it('with nothing but failures shows no empty table', () => {
    const failed = text({ connection: 'direct', setting: 's', ok: false, error: 'no socket' });
    expect(failed).not.toContain('SENDS TO');
  });
});
