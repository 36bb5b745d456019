import type { ScenarioResult } from '../demo/scenario.js';
import { connectionStyle, type Palette } from './palette.js';
import { printable } from './printable.js';
import { formatTable } from './table.js';
import { formatBitRate, formatDuration, formatRtt } from './units.js';

export function formatDemo(
  results: readonly ScenarioResult[],
  { palette, nowUnixMs }: { palette: Palette; nowUnixMs: number },
): string {
  const rows = results.map((result) => {
    const { connection, setting } = result;
    const name = { text: connection, style: connectionStyle(connection, palette) };
    if (!result.ok) return [name, 'failed', '-', '-', '-', setting];
    const { timeToConnectMs, echo, throughput, peers } = result;
    const handshakes = peers.flatMap(({ lastHandshakeMs }) => (lastHandshakeMs === null ? [] : [lastHandshakeMs]));
    return [
      name,
      `${String(Math.round(timeToConnectMs))} ms`,
      [echo.aToB, echo.bToA].map(({ rttMs }) => formatRtt(rttMs?.avg ?? null)).join(' / '),
      formatBitRate(throughput.bitsPerSecond),
      handshakes.length === 0 ? 'never' : `${formatDuration(nowUnixMs - Math.max(...handshakes))} ago`,
      setting,
    ];
  });
  const headings = ['CONNECTION', 'CONNECTED IN', 'ECHO A>B / B>A', 'THROUGHPUT', 'HANDSHAKE', 'SETTING'];
  const table = formatTable(headings, rows, { headingStyle: palette.heading });
  const failures = results.flatMap((result) => (result.ok ? [] : [`${result.connection}: ${result.error}`]));
  return table + failures.map((text) => `\n${palette.bad('failed')}  ${printable(text)}\n`).join('');
}
