import { printable } from '@wirepath/core/plugin';
import type { PeerStatus } from '@wirepath/core';
import type { ScenarioResult } from '../demo/scenario.js';
import { connectionStyle, type Palette } from './palette.js';
import { formatTable, type Cell } from './table.js';
import { formatBitRate, formatRtt } from '../wording/units.js';

type Success = Extract<ScenarioResult, { ok: true }>;

/** How each scenario went, then which way the datagrams took, then what failed. */
export function formatDemo(results: readonly ScenarioResult[], palette: Palette): string {
  const options = { headingStyle: palette.heading };
  const name = (connection: ScenarioResult['connection'], text: string = connection): Cell => ({
    text,
    style: connectionStyle(connection, palette),
  });
  const outcomes = results.map((result) => {
    if (!result.ok) return [name(result.connection), 'failed', '-', '-', result.setting];
    const { connection, setting, echo, throughput } = result;
    return [
      name(connection, seenByBoth(result)),
      timeToConnect(result),
      [echo.aToB, echo.bToA].map(({ rttMs }) => formatRtt(rttMs?.avg ?? null)).join(' / '),
      formatBitRate(throughput.bitsPerSecond),
      setting,
    ];
  });
  const ways = results.flatMap((result) => (result.ok ? [[name(result.connection), ...result.peers.map(wayTo)]] : []));
  const failures = results.flatMap((result) => (result.ok ? [] : [`${result.connection}: ${result.error}`]));
  return [
    formatTable(['CONNECTION', 'CONNECTED IN', 'ECHO A>B / B>A', 'THROUGHPUT', 'SETTING'], outcomes, options),
    ...(ways.length === 0 ? [] : [formatTable(['CONNECTION', 'A SENDS TO', 'B SENDS TO'], ways, options)]),
    ...failures.map((text) => `${palette.bad('failed')}  ${printable(text)}\n`),
  ].join('\n');
}

/** One word where both nodes see the same. */
function seenByBoth({ peers }: Success): string {
  return [...new Set(peers.map(({ connection }) => connection))].join(' / ');
}

/** Until the first echo, which may have come another way than the rest. */
function timeToConnect({ connection, firstEcho, timeToConnectMs }: Success): string {
  const first = `${String(Math.round(firstEcho.afterMs))} ms`;
  if (firstEcho.connection === connection) return first;
  return `${first} ${firstEcho.connection}, ${String(Math.round(timeToConnectMs))} ms ${connection}`;
}

function wayTo({ name, endpoint, relay }: PeerStatus): string {
  if (endpoint === null) return '-';
  if (relay === null) return endpoint;
  return relay === endpoint ? `${endpoint}, relayed address of ${name.toUpperCase()}` : `${endpoint} through ${relay}`;
}
