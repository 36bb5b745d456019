import { printable } from '@wirepath/core/plugin';
import type { ExplainDocument, ExplainedPair } from '@wirepath/core';
import { connectionStyle, type Palette } from './palette.js';
import { formatTable, type Cell } from './table.js';
import { formatRtt } from '../wording/units.js';

/** `explain` for people: the verdict, every candidate pair with its evidence from both ends, and what would help. */
export function formatExplain(document: ExplainDocument, palette: Palette): string {
  const { strong, heading } = palette;
  const connection = connectionStyle(document.connection, palette)(document.connection);
  const blocks = [
    `${strong(printable(document.peer))} is ${connection}: ${printable(document.cause)}\n`,
    candidates('local candidates', document.localCandidates),
    candidates('remote candidates', document.remoteCandidates),
    formatPairs(document, palette),
    formatPeerPairs(document, palette),
  ];
  if (document.problems.length > 0) {
    blocks.push(
      `${heading('What is wrong here')}\n${document.problems.map((text) => `- ${printable(text)}\n`).join('')}`,
    );
  }
  if (document.advice.length > 0) {
    blocks.push(`${heading('What would help')}\n${document.advice.map((text) => `- ${printable(text)}\n`).join('')}`);
  }
  return blocks.join('\n');
}

type ListedCandidate = ExplainDocument['remoteCandidates'][number] & { readonly source?: string };

/** The name of a source says how an address was found; of a peer's candidates it is not known. */
function sourceOf({ source }: ListedCandidate): string {
  return source === undefined ? '' : `  by ${printable(source)}`;
}

function candidates(title: string, list: readonly ListedCandidate[]): string {
  const text = list
    .map((one) => `  ${printable(one.type).padEnd(16)} ${printable(one.address)}${sourceOf(one)}\n`)
    .join('');
  return `${title}\n${text === '' ? '  none\n' : text}`;
}

function formatPairs({ pairs }: ExplainDocument, palette: Palette): string {
  if (pairs.length === 0) return 'No candidate pair was tried.\n';
  const rows = pairs.map((pair) => [...pathCells(pair, palette), formatRtt(pair.rttMs), pair.verdict, pair.evidence]);
  const headings = ['', 'LOCAL', 'REMOTE', 'CONNECTION', 'RTT', 'VERDICT', 'EVIDENCE'];
  return formatTable(headings, rows, { headingStyle: palette.heading });
}

function formatPeerPairs({ peer, peerPairs }: ExplainDocument, palette: Palette): string {
  if (peerPairs === null) return `${printable(peer)} does not say what it has seen.\n`;
  if (peerPairs.length === 0) return `${printable(peer)} has tried no candidate pair.\n`;
  const rows = peerPairs.map((pair) => [...pathCells(pair, palette), pair.verdict, pair.evidence]);
  const headings = ['', 'ITS LOCAL', 'ITS REMOTE', 'CONNECTION', 'VERDICT', 'EVIDENCE'];
  return `what ${printable(peer)} has seen\n${formatTable(headings, rows, { headingStyle: palette.heading })}`;
}

function pathCells({ active, local, remote, connection }: ExplainedPair, palette: Palette): (Cell | string)[] {
  return [active ? '*' : '', local, remote, { text: connection, style: connectionStyle(connection, palette) }];
}
