import { printable } from '@wirepath/core/plugin';
import type { NetcheckDocument } from '@wirepath/core';
import type { Palette } from './palette.js';
import { formatRtt } from '../wording/units.js';

export function formatNetcheck(document: NetcheckDocument, { good, bad }: Palette): string {
  const lines: [label: string, text: string][] = [
    ['UDP', describeUdp(document, { good, bad })],
    ['mapping', printable(document.mapping ?? 'not known')],
    ['filtering', printable(document.filtering ?? 'not known')],
    ...labelled(
      'seen as',
      document.reflexive.map((address) => printable(address)),
    ),
    ...document.forwarded.map(({ address, by }): [string, string] => ['forwarded', printable(`${address} (${by})`)]),
    ...labelled(
      'egress',
      document.egress.map(({ interfaceName, ip, evidence }) => printable(`${interfaceName} ${ip} (by ${evidence})`)),
    ),
    ...labelled(
      'relay',
      document.relays.map(({ url, rttMs, error }) =>
        error === null ? `${printable(url)} ${formatRtt(rttMs)}` : `${printable(url)} ${bad(printable(error))}`,
      ),
    ),
  ];
  const problems = document.problems.map((text): [string, string] => ['problem', bad(printable(text))]);
  return [...lines, ...problems].map(([label, text]) => `${label.padEnd(11)}${text}\n`).join('');
}

function describeUdp(
  { udp, reflexive, relays }: NetcheckDocument,
  { good, bad }: Pick<Palette, 'good' | 'bad'>,
): string {
  if (udp) return good('works');
  const noneAsked = reflexive.length === 0 && relays.length === 0;
  return noneAsked ? 'no answer: no STUN or relay server is configured, or UDP is blocked' : bad('blocked: no answer');
}

function labelled(label: string, texts: readonly string[]): [string, string][] {
  return (texts.length === 0 ? ['none'] : texts).map((text) => [label, text]);
}
