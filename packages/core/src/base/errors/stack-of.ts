/** Errors have few causes; one that is its own cause has no end of them. */
const MAX_CAUSES = 8;
const MAX_LENGTH = 16_384;

/** The stack of an error and of what caused it, for whoever looks for the fault; undefined for what is no error. */
export function stackOf(error: unknown): string | undefined {
  const stacks: string[] = [];
  try {
    for (let cause = error; cause instanceof Error && stacks.length < MAX_CAUSES; cause = cause.cause) {
      stacks.push(String(cause.stack ?? cause.message));
      // Several at once: each is a cause of its own.
      if (cause instanceof AggregateError)
        stacks.push(...cause.errors.slice(0, MAX_CAUSES).map((one) => stackOf(one) ?? String(one)));
    }
  } catch {
    // What throws when it is read says no more.
  }
  return stacks.length === 0 ? undefined : stacks.join('\ncaused by: ').slice(0, MAX_LENGTH);
}
