import { escapeUnprintable, printable } from '../text/printable.js';

const COLORS: Readonly<Record<string, number>> = { trace: 90, debug: 36, info: 32, warn: 33, error: 31 };

/** Fields that the line shows in places of their own, or not at all. */
const PLACED = new Set(['level', 'time', 'component', 'msg']);

/**
 * One JSON log line as a person reads it: `12:00:01.250 warn  stun: no answer server=203.0.113.10:3478`. Whatever stands in
 * it, it is one line, and nothing in it is obeyed by a terminal but our own colours.
 * @returns the line as it is, printable, where it is not ours.
 */
export function prettyLine(json: string, options: { readonly colors: boolean }): string {
  let line: Readonly<Record<string, unknown>>;
  try {
    line = JSON.parse(json) as Readonly<Record<string, unknown>>;
  } catch {
    return printable(json);
  }
  const level = printable(String(line['level']));
  const paint = (code: number, text: string) => (options.colors ? `\u001b[${code}m${text}\u001b[0m` : text);
  const time = typeof line['time'] === 'string' ? printable(line['time'].slice(11, 23)) : '';
  const component = typeof line['component'] === 'string' ? `${paint(90, `${printable(line['component'])}:`)} ` : '';
  const fields = Object.entries(line)
    .filter(([key]) => !PLACED.has(key))
    .map(
      ([key, value]) =>
        ` ${paint(90, `${printable(key)}=`)}${typeof value === 'string' ? quote(value) : escapeUnprintable(JSON.stringify(value))}`,
    );
  return `${paint(90, time)} ${paint(COLORS[level] ?? 0, level.padEnd(5))} ${component}${printable(String(line['msg']))}${fields.join('')}`;
}

function quote(text: string): string {
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : escapeUnprintable(JSON.stringify(text));
}
