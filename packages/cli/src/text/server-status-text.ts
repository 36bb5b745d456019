import { printable } from '@wirepath/core/plugin';
import type { ServerStatusDocument } from '../node/server-status.js';
import type { Palette } from './palette.js';
import { formatDuration } from '../wording/units.js';

export function formatServerStatus(
  { server }: ServerStatusDocument,
  { palette, nowUnixMs }: { palette: Palette; nowUnixMs: number },
): string {
  const parts = server.parts.map(({ listeners, figures }) => {
    const heads = listeners.map((line) => `${palette.strong(printable(line))}\n`).join('');
    const lines = Object.entries(figures).map(([name, value]) => `  ${printable(name).padEnd(24)}${show(value)}\n`);
    return heads + lines.join('');
  });
  const problems = server.problems.map((text) => `${palette.bad('problem')}  ${printable(text)}\n`).join('');
  const blocks = problems === '' ? parts : [...parts, problems];
  return [`server up for ${formatDuration(nowUnixMs - Date.parse(server.since))}\n`, ...blocks].join('\n');
}

function show(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
