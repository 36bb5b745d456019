/**
 * Where JSON stops being JSON, as an index into the text. V8 says so only for some mistakes; for the others it is the
 * shortest beginning of the text that is wrong for another reason than that it ends. Undefined for JSON that is right.
 */
export function jsonErrorPosition(text: string): number | undefined {
  if (errorAt(text) === undefined) return undefined;
  let [right, wrong] = [0, text.length + 1];
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    const position = errorAt(text.slice(0, middle));
    if (position === undefined || position >= middle) right = middle;
    else wrong = middle;
  }
  // The last character that was looked at is the one that is wrong; at the end of the text there is none.
  return wrong > text.length ? text.length : wrong - 1;
}

/** What is wrong at the position where JSON stops being JSON, of what people write from habit; quotes nothing of the text. */
export function describeJsonError(text: string, position: number): string {
  const wrong = text[position];
  if (wrong === undefined) return 'its end, where something is still open';
  if (/[\]}]/.test(wrong) && /,\s*$/.test(text.slice(0, position))) return `a comma before \`${wrong}\``;
  if (wrong === '/' || wrong === '#') return 'a comment, which JSON does not have';
  if (wrong === "'") return 'a single quote, where JSON takes double ones';
  return 'a syntax error';
}

/** Undefined where it is right; the length, or more, where it only ends too early. */
function errorAt(text: string): number | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    if (/end of JSON|Unterminated/.test(message)) return text.length;
    return Number(/position (\d+)/.exec(message)?.[1] ?? -1);
  }
}
