/** A day: what is promised for longer is looked at all the same. */
const LONGEST_SECONDS = 86_400;

/** What is believed of a lifetime that a gateway grants: 0 to 2^32-1 s. @returns ms; undefined for none. */
export function believedLifetimeMs(seconds: number): number | undefined {
  return seconds === 0 ? undefined : Math.min(seconds, LONGEST_SECONDS) * 1000;
}
