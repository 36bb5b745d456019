import { readFile, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { EXECUTABLE } from '../executable.js';
import { KeyPositions, type Position } from './key-positions.js';
import { parseKeyPath } from './key-path.js';

/** A problem or a warning: something said of a key of a file. */
interface Finding {
  readonly file: string;
  readonly keyPath: string;
  readonly found?: string;
  readonly line?: number;
  readonly column?: number;
}

/** How problems say that a key should not be there. */
export const UNKNOWN_KEY = 'an unknown key';

/** Larger ones take longer to look through than anybody wants to wait for a line number. */
const MAX_BYTES = 1024 * 1024;

/**
 * What was found, in the order of the files and with line and column, as far as they are YAML or JSON. What concerns a file as
 * a whole comes first.
 * @param options.first the file that goes before the others. @param options.productName its key in a `package.json`.
 */
export async function inFileOrder<F extends Finding>(
  findings: readonly F[],
  { first, productName }: { readonly first: string; readonly productName: string },
): Promise<F[]> {
  const byFile = new Map<string, F[]>([[first, []]]);
  for (const finding of findings) {
    const list = byFile.get(finding.file);
    if (list === undefined) byFile.set(finding.file, [finding]);
    else list.push(finding);
  }
  const ordered: F[] = [];
  for (const [file, list] of byFile) {
    const positions = await positionsIn(file);
    const prefix = basename(file) === 'package.json' ? [productName] : [];
    const placed = positions === undefined ? list : list.map((one) => withPosition(one, positions, prefix));
    ordered.push(...placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)));
  }
  return ordered;
}

function withPosition<F extends Finding>(finding: F, positions: KeyPositions, prefix: readonly string[]): F {
  if (finding.line !== undefined || finding.keyPath === '') return finding;
  const atKey = finding.found === UNKNOWN_KEY;
  const position: Position | undefined = positions.of([...prefix, ...parseKeyPath(finding.keyPath)], { atKey });
  return position === undefined ? finding : { ...finding, ...position };
}

/** Undefined where there are none to be had. */
async function positionsIn(file: string): Promise<KeyPositions | undefined> {
  if (EXECUTABLE.has(extname(file))) return undefined;
  let text: string;
  try {
    const stats = await stat(file);
    if (!stats.isFile() || stats.size > MAX_BYTES) return undefined;
    text = await readFile(file, 'utf8');
  } catch {
    // An environment variable, a value that was handed in, or a file that cannot be read: that is a problem of its own.
    return undefined;
  }
  // Imported late: only a mistake needs it.
  return new KeyPositions(await import('yaml'), text);
}
