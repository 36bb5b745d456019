/** One rule of a contract. Bound to no test runner: `run` throws when the rule is broken. */
export interface ConformanceCheck {
  /** The rule, as a sentence about the subject: `stop is safe before start`. */
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Registers every check with a test runner.
 *
 * ```ts
 * import { it } from 'vitest'; // or node:test, or Jest's global
 *
 * runConformance(peerDiscoveryConformance(({ clock }) => ({ create: () => new FilePeers({ clock }) })), it);
 * ```
 */
export function runConformance(
  checks: readonly ConformanceCheck[],
  it: (name: string, run: () => Promise<void>) => unknown,
): void {
  for (const check of checks) it(check.name, () => check.run());
}
