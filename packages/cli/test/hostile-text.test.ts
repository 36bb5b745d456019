import { ConfigProblems, type ExplainDocument, type NetcheckDocument, type PluginDescription } from '@wirepath/core';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCommand } from '../src/command.js';
import { CommandError } from '../src/wording/command-error.js';
import { errorText } from '../src/wording/error-line.js';
import { Progress } from '../src/terminal/progress.js';
import { safeOutput } from '../src/terminal/terminal.js';
import { formatDemo } from '../src/text/demo-text.js';
import { formatExplain } from '../src/text/explain-text.js';
import { formatNetcheck } from '../src/text/netcheck-text.js';
import { palette } from '../src/text/palette.js';
import { formatPingLine } from '../src/text/ping-text.js';
import { formatPlugins } from '../src/text/plugins-text.js';
import { formatServerStatus } from '../src/text/server-status-text.js';
import { formatStatus } from '../src/text/status-text.js';
import { NOW_MS, peerStatus, product, statusDocument } from './fixtures.js';
import { memoryTerminal } from './memory-terminal.js';

/** Moves the cursor, sets the title, colours, forges a line, turns the direction of writing, hides. */
const HOSTILE = 'x\u001b[2J\u001b]0;title\u0007\u001b[31mred\u009b1A\u007f\r\n\u202eforged: OK\u2028\u200b\ud800';
const OBEYED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Decides how a line looks, and is one of our own words: the control protocol's version vouches for it. */
const OWN_WORDS = new Set(['connection', 'state']);

/** The same document with each of its texts, and each name in its maps, replaced. */
function with_(text: string, value: unknown, key = ''): unknown {
  if (typeof value === 'string') return OWN_WORDS.has(key) ? value : text;
  if (Array.isArray(value)) return value.map((item) => with_(text, item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, with_(text, item, name)]));
}

const colors = palette(true);
const options = { palette: colors, nowUnixMs: NOW_MS };

const pair = {
  local: '192.0.2.1:1',
  remote: '192.0.2.2:2',
  connection: 'direct',
  rttMs: 1,
  active: true,
  verdict: 'proven',
  evidence: 'one check',
};
const explain = {
  peer: 'b',
  connection: 'direct',
  summary: 's',
  cause: 'c',
  localCandidates: [{ type: 'host', address: '192.0.2.1:1', source: 'source' }],
  remoteCandidates: [{ type: 'host', address: '192.0.2.2:2' }],
  pairs: [pair],
  peerPairs: [pair],
  advice: ['do'],
  problems: ['wrong'],
};
const netcheck = {
  udp: true,
  mapping: 'm',
  filtering: 'f',
  reflexive: ['192.0.2.1:1'],
  forwarded: [{ address: '192.0.2.1:2', by: 'gateway' }],
  egress: [{ interfaceName: 'eth0', ip: '192.0.2.1', evidence: 'route' }],
  relays: [
    { url: 'turn:a', rttMs: 1, error: null },
    { url: 'turn:b', rttMs: null, error: 'e' },
  ],
  problems: ['p'],
};
const relay = { url: 'turn:a', transport: 'udp', state: 'up', relayedAddress: 'r', rttMs: 8.1 } as const;
const relays = [
  { ...relay, reason: null, error: 'e' },
  { ...relay, reason: 'why', error: null },
];
const status = statusDocument({ relays, peers: [peerStatus({ relay: 'r', reason: 'why' })] });
const withProblem = { ...status, node: { ...status.node, problems: ['p'] } };
const server = {
  server: {
    listeners: ['l'],
    parts: [{ listeners: ['l'], addresses: [], figures: { a: 'b', c: { d: 'e' } } }],
    failed: {},
    problems: ['p'],
    since: '',
    drainsUntil: null,
  },
};
const plugins = [
  {
    name: 'p',
    version: '1',
    resolvedFrom: '/p',
    roles: ['egress'],
    serverSections: [],
    options: { a: 'b' },
    environment: { a: 'V' },
  },
];
const demoResult = { connection: 'direct', setting: 's', ok: false, error: 'e' };

const TEXTS: Readonly<Record<string, (text: string) => string>> = {
  status: (text) => formatStatus(with_(text, withProblem) as typeof withProblem, options),
  'status of a server': (text) => formatServerStatus(with_(text, server) as typeof server, options),
  explain: (text) => formatExplain(with_(text, explain) as ExplainDocument, colors),
  netcheck: (text) => formatNetcheck(with_(text, netcheck) as NetcheckDocument, colors),
  plugins: (text) => formatPlugins(with_(text, plugins) as PluginDescription[], colors),
  ping: (text) => formatPingLine(text, 1, { rttMs: 1, connection: 'direct', via: text }),
  demo: (text) => formatDemo([with_(text, demoResult) as Parameters<typeof formatDemo>[0][number]], colors),
  'problems of a configuration': (text) => {
    const problem = { file: text, keyPath: text, plugin: text, expected: text, found: text, suggestion: text };
    return errorText('acme', new ConfigProblems([problem, problem]));
  },
  'an error': (text) => errorText('acme', new CommandError('CODE', text, { subject: text, advice: text })),
  'an unexpected error': (text) => errorText('acme', new Error(text)),
};

describe.each(Object.entries(TEXTS))('%s', (_name, format) => {
  it('has as many lines, and only our colours, whatever peers, servers and files say', () => {
    const text = format(HOSTILE);
    expect(text.split('\n')).toHaveLength(format('x').split('\n').length);
    // eslint-disable-next-line no-control-regex -- what our own palette writes, red but for what is bad
    const unpainted = text.replace(/\u001b\[(?:1|2|22|31|32|33|39)m/g, '').replaceAll('\n', '');
    expect(unpainted).not.toMatch(OBEYED);
    expect(text).not.toContain('\u001b[31mred');
  });
});

describe('the edge to the terminal', () => {
  const written = (flags: { isTty: boolean; colors: boolean }, text: string): string => {
    let all = '';
    safeOutput({ ...flags, write: (part) => void (all += part) }).write(text);
    return all;
  };

  it('lets our colours pass and nothing else, for a command that forgot about it', () => {
    const text = `${colors.bad('bad')} ${colors.strong('strong')} ${HOSTILE}\n`;
    const shown = written({ isTty: true, colors: true }, text);
    expect(shown.startsWith('\u001b[31mbad\u001b[39m \u001b[1mstrong\u001b[22m x\\u001b[2J')).toBe(true);
    expect(written({ isTty: true, colors: true }, '\u001b[8m\u001b[41m\u001b[1;31m')).not.toMatch(OBEYED);
    expect(written({ isTty: false, colors: false }, text).replaceAll('\n', '')).not.toMatch(OBEYED);
  });

  it('leaves JSON the document that it is', () => {
    const document = { [HOSTILE]: [HOSTILE] };
    for (const flag of [true, false]) {
      const shown = written({ isTty: flag, colors: flag }, `${JSON.stringify(document, null, 2)}\n`);
      expect(shown.replaceAll('\n', '')).not.toMatch(OBEYED);
      expect(JSON.parse(shown)).toEqual(document);
    }
  });

  it('is passed by the steps of a progress and by what commander says of bad usage', async () => {
    const terminal = memoryTerminal({ isTty: true, colors: true });
    {
      using progress = new Progress(safeOutput(terminal.out));
      progress.step(HOSTILE);
    }
    expect(terminal.outText().replaceAll('\r\u001b[K', '')).not.toMatch(OBEYED);
    await createCommand(product, terminal)(['node', 'acme-mesh', HOSTILE, `--${HOSTILE}`]);
    await createCommand(product, terminal)(['node', 'acme-mesh', 'status', '--json', '--config', `/${HOSTILE}`]);
    expect(terminal.errText().length).toBeGreaterThan(100);
    expect(terminal.errText().replaceAll('\n', '')).not.toMatch(OBEYED);
    const json = terminal.outText().slice(terminal.outText().indexOf('{'));
    expect(json.replaceAll('\n', '')).not.toMatch(OBEYED);
    expect(JSON.parse(json)).toMatchObject({
      error: { subject: expect.stringContaining(HOSTILE.slice(0, 10)) as string },
    });
  });

  it('is the only way out: no other file of the command writes to the process’s streams', () => {
    const sources = new URL('../src/', import.meta.url).pathname;
    const others = readdirSync(sources, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && name !== join('terminal', 'terminal.ts'))
      .filter((name) => /process\.(stdout|stderr)|console\.|node:tty/.test(readFileSync(join(sources, name), 'utf8')));
    expect(others).toEqual([]);
  });
});
