import { connectPair, type PairOptions } from '../connect-pair.js';

type Pair = Pick<PairOptions, 'a' | 'b'>;

/** Connects each pair in a lab of its own, and shows how. @returns 1 when one was not connected. */
export async function grid(pairs: readonly Pair[], options: Omit<PairOptions, 'a' | 'b'>): Promise<number> {
  let failures = 0;
  const row = (...cells: readonly string[]) =>
    process.stdout.write(
      `${cells
        .map((cell) => cell.padEnd(14))
        .join('')
        .trimEnd()}\n`,
    );
  row('A', 'B', 'FIRST ECHO', 'SEEN BY A', 'SEEN BY B');
  for (const { a, b } of pairs) {
    try {
      const { echoSeconds, connectionA, connectionB } = await connectPair({ a, b, ...options });
      row(a, b, `${echoSeconds.toFixed(2)} s`, connectionA, connectionB);
    } catch (error) {
      failures += 1;
      row(a, b, 'none');
      // The logs of all daemons are worth their length for one pair only.
      const text = error instanceof Error ? error.message : String(error);
      if (pairs.length === 1) process.stderr.write(`${text}\n`);
    }
  }
  return failures === 0 ? 0 : 1;
}
