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
