/** Optimal string alignment (restricted Damerau-Levenshtein): a swap of neighbours is one edit. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let best = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, substitution);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/**
 * The known word that was probably meant, as a question.
 * @returns undefined where none is near: at most a third of the letters may differ, case and punctuation aside.
 */
export function didYouMean(written: string, known: readonly string[]): string | undefined {
  const fold = (text: string) => text.toLowerCase().replaceAll(/[-_\s]/g, '');
  const folded = fold(written.slice(0, 200));
  let best: { word: string; distance: number } | undefined;
  for (const word of known) {
    const candidate = fold(word);
    // `source-host` stands for `@wirepath/source-host`.
    const short = candidate.slice(candidate.lastIndexOf('/') + 1);
    const distance = Math.min(editDistance(folded, candidate), editDistance(folded, short));
    if (distance > Math.max(1, Math.floor(Math.max(folded.length, 3) / 3))) continue;
    if (best === undefined || distance < best.distance) best = { word, distance };
  }
  return best === undefined ? undefined : `did you mean \`${best.word}\`?`;
}
