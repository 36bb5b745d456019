import { waitingLine, type StartingDocument } from '../node/starting-status.js';
import type { Palette } from './palette.js';
import { printable } from '@wirepath/core/plugin';
import { formatDuration } from '../wording/units.js';

/** `status` of a process that is not up yet: since when, and who is waited for. */
export function formatStarting(
  { starting }: StartingDocument,
  { palette, nowUnixMs }: { palette: Palette; nowUnixMs: number },
): string {
  const age = formatDuration(nowUnixMs - Date.parse(starting.since));
  const head = `${palette.fair('starting')}   ${starting.role} (pid ${starting.pid}) for ${age}\n`;
  const lines = starting.plugins.map(({ plugin, phase, since }) => {
    const line = waitingLine({ plugin, phase, sinceMs: Date.parse(since) }, nowUnixMs);
    return `${palette.bad('waiting')}    ${printable(line)}\n`;
  });
  return head + lines.join('');
}
