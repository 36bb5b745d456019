import { printable } from '@wirepath/core/plugin';
import type { PeerStatus, StatusDocument } from '@wirepath/core';
import { connectionStyle, type Palette } from './palette.js';
import { formatTable, type Cell } from './table.js';
import { formatBytes, formatDuration, formatRtt } from '../wording/units.js';

export interface StatusTextOptions {
  readonly palette: Palette;
  readonly nowUnixMs: number;
}

/** `status` for people: the node, what it relies on, a table of peers, and what is wrong. */
export function formatStatus(status: StatusDocument, options: StatusTextOptions): string {
  return [
    formatNode(status, options),
    status.peers.length === 0 ? 'No peers are configured.\n' : formatPeers(status.peers, options),
    formatReasons(status, options),
  ]
    .filter((block) => block !== '')
    .join('\n');
}

function formatNode({ node, signaling, relays }: StatusDocument, { palette, nowUnixMs }: StatusTextOptions): string {
  const { strong, good, fair, bad } = palette;
  const stateStyle = { up: good, ready: good, measured: fair, connecting: fair, down: bad };
  const port = node.listenPort === null ? 'no UDP port yet' : `UDP port ${String(node.listenPort)}`;
  const lines = [
    ['node', `${strong(printable(node.interface ?? 'no interface'))}, ${port}, version ${printable(node.version)}`],
    ...(node.addresses.length === 0 ? [] : [['addresses', printable(node.addresses.join(', '))]]),
    ['key', printable(node.publicKey)],
    ['NAT', describeNat(node.natBehavior)],
    ...describeTransport(node.transport),
    ...signaling.map(({ url, state, since, error }) => [
      'signaling',
      `${printable(url)} ${stateStyle[state](state)} for ${ageOf(since, nowUnixMs)}${suffix(error)}`,
    ]),
    ...relays.map(({ url, transport, state, relayedAddress, rttMs, reason, error }) => {
      const over = transport === 'udp' ? null : transport.toUpperCase();
      const facts = [over, relayedAddress, rttMs === null ? null : formatRtt(rttMs)].filter((fact) => fact !== null);
      const told = facts.length === 0 ? '' : ` (${facts.join(', ')})`;
      return ['relay', `${printable(url)} ${stateStyle[state](state)}${printable(told)}${suffix(error ?? reason)}`];
    }),
  ];
  return lines.map(([label = '', text = '']) => `${label.padEnd(11)}${text}\n`).join('');
}

/** One line: `crypto openssl; datagrams recvmmsg, GRO`. A node that is starting has nothing to say yet. */
function describeTransport(transport: StatusDocument['node']['transport']): string[][] {
  const words = Object.entries(transport).map(([name, text]) => `${name} ${text}`);
  return words.length === 0 ? [] : [['transport', printable(words.join('; '))]];
}

function describeNat({ mapping, filtering }: StatusDocument['node']['natBehavior']): string {
  if (mapping === null && filtering === null) return 'not known';
  return printable(`${mapping ?? 'unknown'} mapping, ${filtering ?? 'unknown'} filtering`);
}

function formatPeers(peers: readonly PeerStatus[], { palette, nowUnixMs }: StatusTextOptions): string {
  const rows = peers.map((peer): (Cell | string)[] => [
    { text: peer.name, style: palette.strong },
    { text: peer.connection, style: connectionStyle(peer.connection, palette) },
    describeEndpoint(peer),
    formatRtt(peer.rttMs),
    peer.lastHandshakeMs === null ? 'never' : `${formatDuration(nowUnixMs - peer.lastHandshakeMs)} ago`,
    formatBytes(peer.rxBytes),
    formatBytes(peer.txBytes),
    ageOf(peer.since, nowUnixMs),
  ]);
  const headings = ['PEER', 'CONNECTION', 'ENDPOINT', 'RTT', 'HANDSHAKE', 'RECEIVED', 'SENT', 'SINCE'];
  return formatTable(headings, rows, { headingStyle: palette.heading });
}

function describeEndpoint({ endpoint, relay }: PeerStatus): string {
  if (endpoint === null) return '-';
  return relay === null ? endpoint : `${endpoint} via ${relay}`;
}

function formatReasons({ node, peers }: StatusDocument, { palette }: StatusTextOptions): string {
  const reasons = peers.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`]));
  const lines = [
    ...reasons.map((text) => `${palette.fair('note')}     ${printable(text)}\n`),
    ...node.problems.map((text) => `${palette.bad('problem')}  ${printable(text)}\n`),
  ];
  return lines.join('');
}

function ageOf(isoTime: string, nowUnixMs: number): string {
  const sinceMs = Date.parse(isoTime);
  return Number.isNaN(sinceMs) ? '-' : formatDuration(nowUnixMs - sinceMs);
}

function suffix(error: string | null): string {
  return error === null ? '' : `: ${printable(error)}`;
}
