import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TurnRelay } from '../src/index.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { freeUdpPort } from './free-udp-port.js';
import { testNeeds } from './needs.js';
import { ForegroundCommand } from './serve-command.js';

const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!existsSync(fileURLToPath(new URL('../../cli/dist', import.meta.url)))) return 'needs a build';
  const probe = ['-qq', '-o', '/dev/null', '-e', 'inject=getuid:error=EPERM', 'true'];
  return spawnSync('strace', probe).status === 0 ? undefined : 'needs strace, and the right to trace a child';
}

const reason = reasonToSkip();
if (reason !== undefined) console.warn(`skipped: a relay where system calls are denied: ${reason}`);

const BURSTS = 10;
/** Segments end with a shorter one. */
const SIZES = [1000, 1000, 1000, 1000, 1000, 700, 1];
const TEXTS = Array.from({ length: BURSTS }, (_, burst) =>
  SIZES.map((size, n) => `${burst} ${n} `.repeat(size).slice(0, size)),
);

const ALL = ['sendmmsg', 'recvmmsg', 'GSO', 'GRO'];

/** Whatever is not given up is used. */
function usedBeside(givenUp: readonly string[]): string[] {
  const gone = new Set(givenUp.map((line) => line.split(':')[0]));
  return ALL.filter((name) => !gone.has(name));
}

/** The real command. @param denials as strace(1) writes them. */
async function serve(denials: readonly string[]) {
  const port = await freeUdpPort('127.0.0.1');
  const turn = { listen: `127.0.0.1:${port}`, realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
  const injections = denials.flatMap((denial) => ['-e', `inject=${denial}`]);
  // -D: it traces from beside, and the command is our child.
  const under = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', ...injections];
  const server = await ForegroundCommand.start('serve', { server: { turn } }, { under });
  cleanups.push(() => server.end());
  const datagrams = await DgramDatagrams.open();
  cleanups.push(() => datagrams.close());
  const relay = new TurnRelay(testNeeds(), {
    servers: [{ url: `turn:127.0.0.1:${port}`, username: 'lab', credential: 'secret' }],
  });
  const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
  cleanups.push(() => allocation.close());
  return { server, datagrams, allocation };
}

// Options are set of the listener, as 3rd UDP_SEGMENT and as 4th UDP_GRO, and, 5 later, of the relayed address.
describe.skipIf(reason !== undefined)('the relay, where the system denies', () => {
  it.each<[what: string, denials: string[], givenUp: string[]]>([
    ['nothing', ['sendmmsg:delay_enter=1'], []],
    ['sendmmsg (ENOSYS)', ['sendmmsg:error=ENOSYS'], ['sendmmsg: ENOSYS']],
    ['sendmmsg (EPERM) from the fifth call on', ['sendmmsg:error=EPERM:when=5+'], ['sendmmsg: EPERM']],
    ['recvmmsg (ENOSYS)', ['recvmmsg:error=ENOSYS'], ['recvmmsg: ENOSYS']],
    ['recvmmsg (EPERM) from the fifth call on', ['recvmmsg:error=EPERM:when=5+'], ['recvmmsg: EPERM']],
    ['UDP_SEGMENT', ['setsockopt:error=ENOPROTOOPT:when=3+5'], ['GSO: ENOPROTOOPT']],
    ['UDP_GRO', ['setsockopt:error=ENOPROTOOPT:when=4+5'], ['GRO: ENOPROTOOPT']],
    [
      'all of it',
      ['sendmmsg:error=ENOSYS', 'recvmmsg:error=ENOSYS', 'setsockopt:error=ENOPROTOOPT:when=3..4'],
      ['GSO: ENOPROTOOPT', 'GRO: ENOPROTOOPT', 'recvmmsg: ENOSYS', 'sendmmsg: ENOSYS'],
    ],
  ])('%s: everything is relayed both ways, and status names what it does without', async (_what, denials, givenUp) => {
    const { server, datagrams, allocation } = await serve(denials);
    const peer = await echoPeer();
    cleanups.push(() => peer.close());
    const framing = await allocation.permit(peer.address, { signal });
    const path = { kind: 'relayed', framing, remote: peer.address } as const;
    for (const [burst, texts] of TEXTS.entries()) {
      const expected = TEXTS.slice(0, burst + 1).flat();
      for (const text of texts) datagrams.send(path, Buffer.from(text));
      await eventually('all are at the peer', () => peer.received.length === expected.length);
      for (const text of texts) peer.send(text, allocation.relayedAddress);
      await eventually('all are back', () => datagrams.received.length === expected.length);
      expect(peer.received.map(({ text }) => text)).toEqual(expected);
      expect(datagrams.received.map(({ text }) => text)).toEqual(expected);
    }
    const figures = server.status().parts.find((part) => 'udp' in part.figures)?.figures;
    const udp = {
      sockets: 'batched',
      used: usedBeside(givenUp),
      givenUp: expect.toSatisfy(sameAs(givenUp)) as unknown,
    };
    expect(figures).toMatchObject({ udp, drops: {} });
  });
});

/** In any order. */
function sameAs(expected: readonly string[]) {
  return (found: readonly string[]) => JSON.stringify(found.toSorted()) === JSON.stringify(expected.toSorted());
}
