import { describe, onTestFinished } from 'vitest';
import {
  hasProgram,
  Lab,
  missingForLab,
  preparePair,
  type LabOptions,
  type PairOptions,
  type PreparedPair,
  type Sites,
} from '../src/index.js';

/** A suite that needs a lab; where this machine cannot have one it is skipped, and says why. */
export function describeInLab(title: string, suite: () => void, programs: readonly string[] = []): void {
  const lacking = programs.filter((program) => !hasProgram(program));
  const missing = missingForLab() ?? (lacking.length > 0 ? `needs ${lacking.join(', ')}` : undefined);
  if (missing !== undefined) console.warn(`skipped: ${title}: ${missing}`);
  describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, suite);
}

/** A lab for as long as the test runs; when that fails, what all daemons logged is shown. */
export async function labForTest(sites: Sites, options: LabOptions = {}): Promise<Lab> {
  const lab = await Lab.create(sites, options);
  removeAfterTest(lab);
  return lab;
}

/** As `preparePair`, for as long as the test runs; without STUN and relay where these are not asked for. */
export async function pairForTest(options: PairOptions): Promise<PreparedPair> {
  const pair = await preparePair({ stun: false, relay: false, ...options });
  removeAfterTest(pair.lab);
  return pair;
}

/** A figure that a person wants to see when the test passes, too. */
export function report(what: string, figure: string): void {
  console.log(`  ${what}: ${figure}`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function removeAfterTest(lab: Lab): void {
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') console.log(lab.logs());
    await lab.remove();
  });
}
