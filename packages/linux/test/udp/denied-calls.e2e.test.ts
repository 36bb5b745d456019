import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DatagramOffloads } from '../../src/index.js';

const fixture = fileURLToPath(new URL('./fixtures/exchange.mjs', import.meta.url));
const built = existsSync(fileURLToPath(new URL('../../dist/index.js', import.meta.url)));

function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!built) return 'needs a build';
  try {
    execFileSync('strace', ['-qq', '-o', '/dev/null', '-e', 'inject=getuid:error=EPERM', 'true'], { stdio: 'ignore' });
  } catch {
    return 'needs strace, and the right to trace a child';
  }
  return undefined;
}

interface Outcome {
  /** By receiver: all of them, in order, byte by byte. */
  readonly arrived: readonly boolean[];
  readonly failed: readonly string[];
  readonly sender: DatagramOffloads;
  readonly receiver: DatagramOffloads;
}

const settings = (ips: string[], rounds = 12) => JSON.stringify({ ips, rounds, sizeBytes: 1200 });

/** @param denials as strace(1) writes them: `sendmmsg:error=ENOSYS:when=5+`. */
function exchangeWithout(denials: readonly string[], rounds?: number): Outcome {
  const injections = denials.flatMap((denial) => ['-e', `inject=${denial}`]);
  const program = [process.execPath, fixture, settings(['127.0.0.1'], rounds)];
  const command = ['-f', '-qq', '-o', '/dev/null', ...injections, ...program];
  return JSON.parse(execFileSync('strace', command, { encoding: 'utf8', timeout: 20_000 })) as Outcome;
}

const reason = reasonToSkip();
if (reason !== undefined) console.warn(`skipped: UDP in batches where system calls are denied: ${reason}`);

const ALL = ['sendmmsg', 'recvmmsg', 'GSO', 'GRO'];

/** Whatever is not given up is used. */
function usedBeside(givenUp: readonly string[]): string[] {
  const gone = new Set(givenUp.map((line) => line.split(':')[0]));
  return ALL.filter((name) => !gone.has(name));
}

// Of each socket, the first option set is UDP_SEGMENT, and the second UDP_GRO.
describe.skipIf(reason !== undefined)('batches, where the system denies', () => {
  it.each<[what: string, denials: string[], sender: string[], receiver: string[]]>([
    ['nothing', [], [], []],
    ['sendmmsg (ENOSYS)', ['sendmmsg:error=ENOSYS'], ['sendmmsg: ENOSYS'], []],
    ['sendmmsg (EPERM)', ['sendmmsg:error=EPERM'], ['sendmmsg: EPERM'], []],
    ['sendmmsg from the fifth call on', ['sendmmsg:error=ENOSYS:when=5+'], ['sendmmsg: ENOSYS'], []],
    ['one message (EPERM, as a firewall)', ['sendmmsg:error=EPERM:when=3'], [], []],
    ['one sendmmsg (EINTR)', ['sendmmsg:error=EINTR:when=3'], [], []],
    ['recvmmsg (ENOSYS)', ['recvmmsg:error=ENOSYS'], [], ['recvmmsg: ENOSYS']],
    ['recvmmsg from the fifth call on', ['recvmmsg:error=EPERM:when=5+'], [], ['recvmmsg: EPERM']],
    ['UDP_SEGMENT', ['setsockopt:error=ENOPROTOOPT:when=1+2'], ['GSO: ENOPROTOOPT'], ['GSO: ENOPROTOOPT']],
    ['UDP_GRO', ['setsockopt:error=ENOPROTOOPT:when=2+2'], ['GRO: ENOPROTOOPT'], ['GRO: ENOPROTOOPT']],
    ['segments in mid-run', ['sendmmsg:error=EOPNOTSUPP:when=5'], ['GSO: EOPNOTSUPP'], []],
    [
      'segments without sendmmsg',
      ['sendmmsg:error=ENOSYS', 'sendmsg:error=EOPNOTSUPP:when=5'],
      ['sendmmsg: ENOSYS', 'GSO: EOPNOTSUPP'],
      [],
    ],
    ['sendmmsg and sendmsg', ['sendmmsg,sendmsg:error=EPERM'], ['sendmmsg: EPERM', 'GSO: EPERM'], []],
    ['room for a batch, once', ['sendmmsg:error=EAGAIN:when=3'], [], []],
    ['room for a message, once', ['sendmmsg:error=ENOSYS', 'sendmsg:error=EAGAIN:when=3'], ['sendmmsg: ENOSYS'], []],
    [
      'room for a datagram, once',
      ['sendmmsg,sendmsg:error=ENOSYS', 'sendto:error=EAGAIN:when=30'],
      ['sendmmsg: ENOSYS', 'GSO: ENOSYS'],
      [],
    ],
    ['segments to one destination', ['sendmmsg:error=EIO:when=5'], ['GSO towards 127.0.0.1: EIO'], []],
    [
      'all of it',
      ['sendmmsg:error=ENOSYS', 'recvmmsg:error=ENOSYS', 'setsockopt:error=ENOPROTOOPT'],
      ['GSO: ENOPROTOOPT', 'GRO: ENOPROTOOPT', 'sendmmsg: ENOSYS'],
      ['GSO: ENOPROTOOPT', 'GRO: ENOPROTOOPT', 'recvmmsg: ENOSYS'],
    ],
  ])('%s: all arrives, and what is given up is named', (_what, denials, sender, receiver) => {
    expect(exchangeWithout(denials)).toEqual({
      arrived: [true],
      failed: [],
      sender: { used: usedBeside(sender), givenUp: sender },
      receiver: { used: usedBeside(receiver), givenUp: receiver },
    });
  });
});

describe.skipIf(reason !== undefined)('a full buffer', () => {
  it.each<[what: string, denials: string[], lost: string]>([
    ['loses the message that was tried twice', ['sendmmsg:error=EAGAIN:when=1..2'], 'EAGAIN 54'],
    ['loses the datagram', ['sendmmsg,sendmsg:error=ENOSYS', 'sendto:error=EAGAIN:when=30..31'], 'EAGAIN 1'],
  ])('%s, and says so', (_what, denials, lost) => {
    expect(exchangeWithout(denials, 1)).toMatchObject({ arrived: [false], failed: [lost] });
  });
});

const canMakeNamespaces = process.platform === 'linux' && process.geteuid?.() === 0 && built;
describe.skipIf(!canMakeNamespaces)('segments above the MTU of one path (skipped without root)', () => {
  it('are given up towards it alone, and nothing is lost', () => {
    const name = `wlgso${process.pid}`;
    const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', timeout: 30_000 });
    ip('netns', 'add', name);
    try {
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'address', 'add', '10.5.0.1/32', 'dev', 'lo');
      ip('-n', name, 'address', 'add', '10.5.0.2/32', 'dev', 'lo');
      ip('-n', name, 'route', 'replace', 'local', '10.5.0.2', 'dev', 'lo', 'table', 'local', 'mtu', '1000');
      const said = ip('netns', 'exec', name, process.execPath, fixture, settings(['10.5.0.1', '10.5.0.2']));
      const { arrived, failed, sender } = JSON.parse(said) as Outcome;
      expect(arrived).toEqual([true, true]);
      expect(failed).toEqual([]);
      expect(sender).toEqual({
        used: ALL,
        givenUp: [expect.stringMatching(/^GSO towards 10\.5\.0\.2: (EINVAL|EMSGSIZE|EIO)$/)],
      });
    } finally {
      ip('netns', 'del', name);
    }
  });
});
