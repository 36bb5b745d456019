// All checks and tests that this machine allows, then what was skipped and why, then one plain line of counts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, run, step } from './steps.mjs';

const CHECKS = [
  [
    'Linting',
    bin('eslint'),
    ['.', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '--max-warnings', '0'],
  ],
  ['Checking types of tests', bin('tsc'), ['-p', 'tsconfig.test.json']],
  ['Checking format', bin('prettier'), ['--check', '.', '--cache', '--log-level', 'warn']],
  ['Checking generated docs', process.execPath, ['scripts/generate-docs.mjs', '--check']],
  ['Checking packages', process.execPath, ['scripts/check-packages.mjs']],
  ['Checking for dead code', bin('knip'), ['--no-progress', '--no-config-hints']],
];

export async function test(args) {
  let failedChecks = 0;
  for (const [title, command, commandArgs] of CHECKS) {
    if (!(await step(title, command, commandArgs)).ok) failedChecks += 1;
  }
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
  console.log(
    `\n${counts.passed + CHECKS.length - failedChecks} passed, ${failed} failed, ${counts.skipped.length} skipped`,
  );
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
