// All checks and tests that this machine allows, then what was skipped and why, then one plain line of counts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, run, step } from './steps.mjs';

/** Two lanes at a time: linting alone takes as long as all the others. */
const LANES = [
  [
    [
      'Linting',
      bin('eslint'),
      ['.', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '--max-warnings', '0'],
    ],
    ['Checking for dead code', bin('knip'), ['--no-progress', '--no-config-hints']],
  ],
  [
    ['Checking types of tests', bin('tsc'), ['-p', 'tsconfig.test.json']],
    ['Checking format', bin('prettier'), ['--check', '.', '--cache', '--log-level', 'warn']],
    ['Checking generated docs', process.execPath, ['scripts/generate-docs.mjs', '--check']],
    ['Checking packages', process.execPath, ['scripts/check-packages.mjs']],
  ],
];

export async function test(args) {
  let passedChecks = 0;
  let failedChecks = 0;
  const check = async ([title, command, commandArgs]) => {
    if ((await step(title, command, commandArgs)).ok) passedChecks += 1;
    else failedChecks += 1;
  };
  await Promise.all(
    LANES.map(async (lane) => {
      for (const one of lane) await check(one);
    }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'test-report-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const result = await run(bin('vitest'), ['run', ...reporters, ...args], { show: true });
  const counts = count(report);
  rmSync(folder, { recursive: true, force: true });

  if (counts.skipped.length > 0) {
    console.log('\nSkipped, because of what this machine lacks:');
    for (const name of counts.skipped) console.log(`  - ${name}`);
  }
  // A run that broke outside of any test (a file that cannot be loaded) has failed too.
  const failed = counts.failed + failedChecks + (!result.ok && counts.failed === 0 ? 1 : 0);
  console.log(`\n${counts.passed + passedChecks} passed, ${failed} failed, ${counts.skipped.length} skipped`);
  return failed === 0 ? 0 : 1;
}

function count(report) {
  const counts = { passed: 0, failed: 0, skipped: [] };
  let files;
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    // vitest ended before it could write a report; its exit code says so.
    return counts;
  }
  for (const file of files) {
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') counts.passed += 1;
      else if (status === 'failed') counts.failed += 1;
      else counts.skipped.push(fullName.trim());
    }
  }
  return counts;
}
