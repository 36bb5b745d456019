import { reasonOf } from '@wirepath/core/plugin';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { describePlan, runPlan } from '../check-plan.js';
import { randomPlan } from '../plan/network-plan.js';
import { formatSummary } from './format-summary.js';
import { runInWorkers } from './run-in-workers.js';
import { emptySummary } from './summary.js';

const USAGE = `simulate [options]

Two nodes on each of many random networks in memory: the real driver and path engine, in virtual time, against an
oracle that says which connection the NATs between them permit. One seed is one network, and replays everything that happens on it.

  --networks N      how many (default 10000)
  --from SEED       the first seed (default 1)
  --disturbances N  rebindings, outages and the like that happen to each, one after another (default 0)
  --seed SEED       this network alone, with all that it does
  --jobs N          processes (default: one for each core)
  --json            one JSON document instead of a table

Examples:
  simulate --networks 1000
  simulate --networks 1000 --disturbances 3
  simulate --seed 75

Exit codes: 0 as the oracle says; 1 otherwise; 2 wrong usage.
`;

/** The command. @returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) return 2;
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (options.seed !== undefined) return replay(options.seed, options.disturbances);
  const startedAtMs = performance.now();
  const summary = emptySummary();
  await runInWorkers(options, summary, (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${options.networks}`);
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const tookMs = performance.now() - startedAtMs;
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...summary, tookMs })}\n` : formatSummary(summary, options, tookMs),
  );
  return summary.failures.length === 0 ? 0 : 1;
}

export interface SimulateOptions {
  readonly networks: number;
  readonly from: number;
  readonly disturbances: number;
  readonly seed: number | undefined;
  readonly jobs: number;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): SimulateOptions | 'help' | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        networks: { type: 'string', default: '10000' },
        from: { type: 'string', default: '1' },
        disturbances: { type: 'string', default: '0' },
        seed: { type: 'string' },
        jobs: { type: 'string', default: String(availableParallelism()) },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return 'help';
    return {
      networks: wholeNumber('networks', values.networks),
      from: wholeNumber('from', values.from),
      disturbances: wholeNumber('disturbances', values.disturbances),
      seed: values.seed === undefined ? undefined : wholeNumber('seed', values.seed),
      jobs: Math.max(1, wholeNumber('jobs', values.jobs)),
      json: values.json,
    };
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n\n${USAGE}`);
    return undefined;
  }
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} takes a whole number, not ${text}`);
  return number;
}

function replay(seed: number, disturbances: number): number {
  const plan = randomPlan(seed, { disturbances });
  const report = runPlan(plan);
  process.stdout.write(`${describePlan(plan)}\n${JSON.stringify({ plan, report }, null, 2)}\n`);
  return report.violations.length === 0 ? 0 : 1;
}
