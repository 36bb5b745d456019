import { ConfigProblems } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../src/wording/command-error.js';
import { errorLine, errorSentence, errorText, exitCodeOf } from '../src/wording/error-line.js';
import { formatExplain } from '../src/text/explain-text.js';
import { formatNetcheck } from '../src/text/netcheck-text.js';
import { palette } from '../src/text/palette.js';
import { formatPingLine, formatPingSummary, summarizePings } from '../src/text/ping-text.js';
import { formatPlugins } from '../src/text/plugins-text.js';
import { formatServerStatus } from '../src/text/server-status-text.js';
import { formatStatus } from '../src/text/status-text.js';
import { formatTable } from '../src/text/table.js';
import { formatBitRate, formatBytes, formatDuration, formatRtt } from '../src/wording/units.js';
import { ago, NOW_MS, peerStatus, statusDocument } from './fixtures.js';

const plain = palette(false);
const options = { palette: plain, nowUnixMs: NOW_MS };

describe('units', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1048575, '1.0 MiB'],
    [1_300_000, '1.2 MiB'],
    [5e15, '4.4 PiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [null, '-'],
    [0.312, '0.31 ms'],
    [9.996, '10.0 ms'],
    [12.34, '12.3 ms'],
    [99.96, '100 ms'],
    [240.4, '240 ms'],
  ])('an RTT of %s is %s', (rttMs, text) => expect(formatRtt(rttMs)).toBe(text));

  it.each([
    [-5000, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [185_000, '3 min 5 s'],
    [7_260_000, '2 h 1 min'],
    [100 * 3600_000, '4 d 4 h'],
  ])('%d ms are %s', (durationMs, text) => expect(formatDuration(durationMs)).toBe(text));

  it.each([
    [12_000, '12 kbit/s'],
    [950_000_000, '950 Mbit/s'],
    [1_240_000_000, '1.24 Gbit/s'],
  ])('%d bit/s are %s', (rate, text) => expect(formatBitRate(rate)).toBe(text));
});

describe('tables', () => {
  it('align, and end without blanks', () => {
    expect(
      formatTable(
        ['A', 'LONG'],
        [
          ['aaa', 'b'],
          ['c', ''],
        ],
      ),
    ).toBe('A    LONG\naaa  b\nc\n');
  });

  it('count width before style', () => {
    const style = (text: string): string => `<${text}>`;
    expect(formatTable(['A', 'B'], [[{ text: 'x', style }, 'y']])).toBe('A  B\n<x>  y\n');
  });
});

describe('status', () => {
  it('is a table that needs no manual', () => {
    const peers = [
      peerStatus(),
      peerStatus({ name: 'laptop', connection: 'direct', endpoint: '192.168.1.5:51820', rttMs: 0.4, since: ago(30) }),
      peerStatus({
        name: 'c',
        connection: 'relayed',
        endpoint: '203.0.113.10:49200',
        relay: 'turn:203.0.113.10:3478',
        reason: 'both NATs map per destination; a direct path needs a port mapping',
      }),
      peerStatus({
        name: 'd',
        connection: 'connecting',
        endpoint: null,
        rttMs: null,
        lastHandshakeMs: null,
        rxBytes: 0,
        txBytes: 0,
        since: ago(2),
      }),
    ];
    const relay = {
      transport: 'udp',
      state: 'down',
      relayedAddress: null,
      rttMs: null,
      reason: null,
      error: null,
    } as const;
    const document = statusDocument({
      peers,
      relays: [
        {
          ...relay,
          url: 'turns:203.0.113.10:443',
          transport: 'tls',
          state: 'up',
          relayedAddress: '203.0.113.10:49170',
          rttMs: 8.1,
        },
        {
          ...relay,
          url: 'turn:203.0.113.11:3478',
          state: 'ready',
          relayedAddress: '203.0.113.11:5',
          rttMs: 9,
          reason: 'kept ready',
        },
        { ...relay, url: 'turn:203.0.113.20:3478', error: 'wrong credential' },
      ],
      node: { ...statusDocument().node, problems: ['the interface wp0 has lost its address'] },
    });
    expect(formatStatus(document, options)).toMatchInlineSnapshot(`
      "node       wp0, UDP port 51820, version 1.2.3
      addresses  10.77.0.1/24
      key        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
      NAT        endpoint-independent mapping, unknown filtering
      transport  crypto openssl; datagrams sendmmsg, recvmmsg
      signaling  ws://203.0.113.10:7000 up for 3 min
      relay      turns:203.0.113.10:443 up (TLS, 203.0.113.10:49170, 8.10 ms)
      relay      turn:203.0.113.11:3478 ready (203.0.113.11:5, 9.00 ms): kept ready
      relay      turn:203.0.113.20:3478 down: wrong credential

      PEER    CONNECTION    ENDPOINT                                       RTT      HANDSHAKE       RECEIVED  SENT   SINCE
      b       hole-punched  198.51.100.7:40312                             12.3 ms  1 min 12 s ago  1.2 MiB   512 B  1 h
      laptop  direct        192.168.1.5:51820                              0.40 ms  1 min 12 s ago  1.2 MiB   512 B  30 s
      c       relayed       203.0.113.10:49200 via turn:203.0.113.10:3478  12.3 ms  1 min 12 s ago  1.2 MiB   512 B  1 h
      d       connecting    -                                              -        never           0 B       0 B    2 s

      note     c: both NATs map per destination; a direct path needs a port mapping
      problem  the interface wp0 has lost its address
      "
    `);
  });

  it('without peers says so', () => {
    expect(formatStatus(statusDocument({ peers: [] }), options)).toContain('No peers are configured.');
  });

  it('shows what the network said without obeying it', () => {
    const text = formatStatus(statusDocument({ peers: [peerStatus({ reason: '\u001b]0;owned\u0007' })] }), options);
    expect(text).not.toContain('\u001b');
  });

  it('of a server lists its listeners and figures', () => {
    const text = formatServerStatus(
      {
        server: {
          listeners: ['rendezvous ws://203.0.113.10:7000'],
          parts: [{ listeners: ['rendezvous ws://203.0.113.10:7000'], addresses: [], figures: { clients: 2 } }],
          failed: { 'failed.rendezvous: connection': 3 },
          problems: ['rendezvous: connection failed 3 times'],
          since: ago(61),
          drainsUntil: null,
        },
      },
      options,
    );
    expect(text).toMatchInlineSnapshot(`
      "server up for 1 min 1 s

      rendezvous ws://203.0.113.10:7000
        clients                 2

      problem  rendezvous: connection failed 3 times
      "
    `);
  });
});

describe('explain', () => {
  it('gives the verdict, the pairs with their evidence, and the cure', () => {
    const text = formatExplain(
      {
        peer: 'b',
        publicKey: '',
        connection: 'relayed',
        summary: 'relayed: no direct pair answered',
        cause: 'no direct pair answered',
        advice: ['Forward UDP port 51820 to this host.'],
        problems: ['@wirepath/source-portmap: the gateway stands behind another NAT'],
        localCandidates: [{ type: 'host', address: '10.0.0.2:51820', source: '@wirepath/source-host' }],
        remoteCandidates: [],
        pairs: [
          {
            local: '10.0.0.2:51820',
            remote: '198.51.100.7:40312',
            remoteType: 'server-reflexive',
            connection: 'hole-punched',
            verdict: 'failed',
            evidence: '12 checks, no answer',
            rttMs: null,
            active: false,
          },
          {
            local: '203.0.113.10:49170',
            remote: '198.51.100.7:40400',
            remoteType: 'peer-reflexive',
            connection: 'relayed',
            verdict: 'proven',
            evidence: 'answered 2 s ago',
            rttMs: 24,
            active: true,
          },
        ],
        peerPairs: [
          {
            local: 'UDP over IPv4',
            remote: '203.0.113.10:49170',
            connection: 'relayed',
            verdict: 'in use',
            evidence: '3 checks sent, 3 answered, 2 received',
            active: true,
          },
        ],
      },
      plain,
    );
    expect(text).toMatchInlineSnapshot(`
      "b is relayed: no direct pair answered

      local candidates
        host             10.0.0.2:51820  by @wirepath/source-host

      remote candidates
        none

         LOCAL               REMOTE              CONNECTION    RTT      VERDICT  EVIDENCE
         10.0.0.2:51820      198.51.100.7:40312  hole-punched  -        failed   12 checks, no answer
      *  203.0.113.10:49170  198.51.100.7:40400  relayed       24.0 ms  proven   answered 2 s ago

      what b has seen
         ITS LOCAL      ITS REMOTE          CONNECTION  VERDICT  EVIDENCE
      *  UDP over IPv4  203.0.113.10:49170  relayed     in use   3 checks sent, 3 answered, 2 received

      What is wrong here
      - @wirepath/source-portmap: the gateway stands behind another NAT

      What would help
      - Forward UDP port 51820 to this host.
      "
    `);
  });
});

describe('netcheck', () => {
  it('says what stands between this node and the internet', () => {
    const text = formatNetcheck(
      {
        udp: true,
        mapping: 'endpoint-independent',
        filtering: null,
        reflexive: ['198.51.100.7:40312'],
        forwarded: [{ address: '198.51.100.7:51820', by: 'PCP at 10.0.0.1' }],
        egress: [{ interfaceName: 'eth0', family: 4, ip: '10.0.0.2', evidence: 'route' }],
        relays: [
          { url: 'turn:a', rttMs: 8, error: null },
          { url: 'turn:b', rttMs: null, error: 'no answer' },
        ],
        problems: ['the STUN server is of no use'],
      },
      plain,
    );
    expect(text).toMatchInlineSnapshot(`
      "UDP        works
      mapping    endpoint-independent
      filtering  not known
      seen as    198.51.100.7:40312
      forwarded  198.51.100.7:51820 (PCP at 10.0.0.1)
      egress     eth0 10.0.0.2 (by route)
      relay      turn:a 8.00 ms
      relay      turn:b no answer
      problem    the STUN server is of no use
      "
    `);
  });
});

describe('ping', () => {
  const reply = { rttMs: 10, via: '10.0.0.2:51820 -> 198.51.100.7:40312', connection: 'direct' } as const;

  it('counts what answered', () => {
    const summary = summarizePings('b', [reply, null, { ...reply, rttMs: 20 }]);
    expect(summary).toMatchObject({ sent: 3, received: 2, rttMs: { min: 10, avg: 15, max: 20 } });
    expect(formatPingSummary(summary)).toBe('2 of 3 answered; min/avg/max 10.0 ms / 15.0 ms / 20.0 ms\n');
    expect(formatPingSummary(summarizePings('b', [null]))).toBe('0 of 1 answered\n');
  });

  it('prints a line per answer', () => {
    expect(formatPingLine('b', 1, reply)).toBe('b #1: 10.0 ms, direct, via 10.0.0.2:51820 -> 198.51.100.7:40312\n');
    expect(formatPingLine('b', 2, null)).toBe('b #2: no answer\n');
  });
});

describe('plugins', () => {
  it('is a table', () => {
    const text = formatPlugins(
      [
        {
          name: '@wirepath/source-relay',
          version: '0.1.0',
          resolvedFrom: 'bundled',
          roles: ['relay'],
          serverSections: ['stun', 'turn'],
          options: { servers: [{ url: 'turn:a', credential: '***' }] },
          environment: { 'servers[0].credential': 'WIREPATH_PLUGINS__SOURCE_RELAY__SERVERS__0__CREDENTIAL' },
        },
      ],
      plain,
    );
    expect(text).toMatchInlineSnapshot(`
      "PLUGIN                  VERSION  PROVIDES                         OPTIONS                                                                                                                                FROM
      @wirepath/source-relay  0.1.0    relay, server.stun, server.turn  {"servers":[{"url":"turn:a","credential":"***"}]} (servers[0].credential from WIREPATH_PLUGINS__SOURCE_RELAY__SERVERS__0__CREDENTIAL)  bundled
      "
    `);
  });
});

describe('errors', () => {
  it.each([
    [
      new CommandError('ADDRESS_IN_USE', 'the address is in use', {
        subject: '0.0.0.0:51820',
        advice: 'Choose another.',
      }),
      'acme: the address is in use (0.0.0.0:51820). Choose another.\n',
      1,
    ],
    [
      new CommandError('TIMEOUT', 'peer b is late', { subject: 'b', advice: 'Wait.' }),
      'acme: peer b is late. Wait.\n',
      1,
    ],
    [new CommandError('CONFIG', 'no file', { advice: 'Name one.' }), 'acme: no file. Name one.\n', 2],
    [
      new Error('read\n  failed'),
      'acme: unexpected error: read; failed. Run again with log.level debug and report it.\n',
      1,
    ],
  ])('%s is one line', (error, line, exitCode) => {
    expect(errorLine('acme', error)).toBe(line);
    expect(exitCodeOf(error)).toBe(exitCode);
  });

  it('a stack comes only when asked for, with its causes', () => {
    const error = new CommandError('TIMEOUT', 'late', { cause: new Error('the cause') });
    expect(errorLine('acme', error)).not.toContain('at ');
    expect(errorLine('acme', error, { stack: true })).toMatch(/late.*\n[^]*caused by: Error: the cause/);
  });

  it('all problems of a configuration are shown, and in a log they are one line', () => {
    const problems = new ConfigProblems([
      { file: '/a.yaml', keyPath: 'mtu', expected: 'a number', found: '"x"' },
      { file: '/a.yaml', keyPath: '', expected: 'a mapping' },
    ]);
    expect(errorText('acme', problems)).toBe(`acme: ${problems.format()}\n`);
    expect(errorSentence(problems)).toBe('/a.yaml mtu: expected a number, found "x"; /a.yaml: expected a mapping.');
    expect(exitCodeOf(problems)).toBe(2);
  });
});
