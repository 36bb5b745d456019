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
    return heads + figureLines(figures, '  ');
  });
  const problems = server.problems.map((text) => `${palette.bad('problem')}  ${printable(text)}\n`).join('');
  const blocks = problems === '' ? parts : [...parts, problems];
  const up = `server up for ${formatDuration(nowUnixMs - Date.parse(server.since))}`;
  return [`${up}${drainText(server.drainsUntil, nowUnixMs)}\n`, ...blocks].join('\n');
}

function drainText(drainsUntil: string | null, nowUnixMs: number): string {
  if (drainsUntil === null) return '';
  const left = formatDuration(Math.max(0, Date.parse(drainsUntil) - nowUnixMs));
  return `; drains: takes nobody new, and ends when its last client has gone, in ${left} at the latest`;
}

const NAME_WIDTH = 26;

/** A figure a line, what belongs together under its name. Names are read as words: `groupShare` is `group share`. */
function figureLines(figures: Readonly<Record<string, unknown>>, indent: string): string {
  return Object.entries(figures)
    .map(([name, value]) => {
      const label = `${indent}${printable(wordsOf(name))}`;
      if (!isGroup(value)) return `${label.padEnd(NAME_WIDTH)}${show(value)}\n`;
      const inside = figureLines(value, `${indent}  `);
      return inside === '' ? `${label.padEnd(NAME_WIDTH)}none\n` : `${label}\n${inside}`;
    })
    .join('');
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(show).join(', ');
  if (value === null || value === undefined) return '-';
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

function wordsOf(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
}
