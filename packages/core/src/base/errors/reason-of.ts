/** Longer than any reason that somebody reads. */
const MAX_LENGTH = 500;

/**
 * What an error says, in one text for people. Whatever was thrown: plugins throw texts, `undefined`, objects without a
 * prototype, and errors whose message throws when it is read.
 */
export function reasonOf(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message || error.name : String(error);
    // A message is text by its type only.
    return String(text).slice(0, MAX_LENGTH);
  } catch {
    return 'an error that cannot be shown';
  }
}
