import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const fixture = fileURLToPath(new URL('./fixtures/tables.mjs', import.meta.url));
const built = existsSync(fileURLToPath(new URL('../../dist/index.js', import.meta.url)));

function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return 'needs Linux and root';
  if (!built) return 'needs a build';
  try {
    for (const program of ['nft', 'ip', 'ping']) execFileSync(program, ['-V'], { stdio: 'ignore' });
  } catch {
    return 'needs nft, iproute2 and ping';
  }
  return undefined;
}

interface Outcome {
  changes: { own: boolean; program: string }[];
  listing: string;
  found: {
    tables: { name: string; comment: string }[];
    chains: { name: string; hook?: object; rules: { comment?: string; expressions: string[]; packets?: number }[] }[];
    many: number;
    sets: string[];
  };
  afterFlush: object[];
  refused: string[];
  setsAfterRefusal: string[];
  left: object[];
  /** Of what was sent while the table was replaced again and again. */
  dropped: { packets: number };
  passed: number;
}

/** A namespace with a route to 10.0.0.0/8, for as long as the fixture runs. */
function inNamespace(): Outcome {
  const name = `wlnft${process.pid}`;
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', timeout: 20_000 });
  ip('netns', 'add', name);
  try {
    ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    ip('-n', name, 'address', 'add', '192.0.2.1/24', 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'eth1', 'up');
    ip('-n', name, 'route', 'add', '10.0.0.0/8', 'via', '192.0.2.254');
    return JSON.parse(ip('netns', 'exec', name, process.execPath, fixture)) as Outcome;
  } finally {
    ip('netns', 'del', name);
  }
}

const reason = reasonToSkip();
if (reason !== undefined) console.warn(`skipped: tables of nftables: ${reason}`);

describe.skipIf(reason !== undefined)('tables of nftables, in the kernel', () => {
  it('are made, replaced, watched, read back and removed', () => {
    const { changes, listing, found, afterFlush, refused, setsAfterRefusal, left, dropped, passed } = inNamespace();
    expect(changes).toEqual([
      { own: true, program: 'node' },
      { own: true, program: 'node' },
      { own: false, program: 'nft' },
    ]);
    const lines = listing.split('\n').map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        'comment "of a test"',
        'elements = { 10.0.0.0/8, 192.0.2.1-192.0.2.5 }',
        'elements = { ::/0 }',
        'ip daddr @few counter packets 0 bytes 0 drop comment "to few"',
        'icmpv6 type 133-136 accept',
        'type filter hook output priority filter + 10; policy accept;',
        'meta mark & 0x0000007f == 0x00000057 accept',
        'oifname != "wg0" jump inner',
        'type filter hook prerouting priority mangle; policy accept;',
      ]),
    );
    expect(found.tables.find(({ name }) => name === 'test-table')).toEqual({
      name: 'test-table',
      comment: 'of a test',
    });
    expect(found.many).toBe(6000);
    expect(found.chains.map(({ name }) => name)).toEqual(['inner', 'out']);
    const [inner, out] = found.chains;
    expect(inner).toMatchObject({ name: 'inner' });
    expect(inner!.rules[0]).toMatchObject({
      comment: 'to few',
      expressions: ['meta', 'cmp', 'payload', 'lookup', 'counter', 'immediate'],
      packets: 1,
    });
    expect(out).toMatchObject({ name: 'out', hook: { number: 3, priority: 10 } });
    expect(afterFlush).toEqual([]);
    expect(found.sets).toEqual(['few-2', 'all-2', 'many-2']);
    expect(refused).toEqual(['ENOENT', 'ENOENT']);
    // What is refused leaves the table as it was, or none.
    expect(setsAfterRefusal).toEqual(['set few', 'set all', 'set many']);
    expect(left).toEqual([]);
    expect(dropped.packets).toBeGreaterThan(0);
    expect(passed).toBe(0);
  });
});
