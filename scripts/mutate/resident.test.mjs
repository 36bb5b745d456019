// The last test file: has run what the runner asks for, until it is told to end.
import { relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { BroadcastChannel } from 'node:worker_threads';
import { it, TestRunner, vi } from 'vitest';

const { getTestFn, getSuiteHooks } = TestRunner;
const { setTimeout, clearTimeout } = globalThis;
const mutants = globalThis.__stryker__;
const channel = new BroadcastChannel('mutants');

/** No one place is come by so often in a test that is not endless. Stryker's own limit counts all tests, the long ones too. */
const MOST_HITS = 100_000;

/** A test that waits for what a mutant keeps from coming fails sooner than by vitest's limit. */
const LEAST_LIMIT_MS = 3000;

function* testsOf(suite, names = []) {
  for (const task of suite.tasks) {
    if (task.type === 'suite') yield* testsOf(task, [...names, task.name]);
    else yield { task, name: [...names, task.name].join(' ') };
  }
}

/** All tests by what Stryker knows them by; of two with one name in one file the second has a number. */
function collected() {
  const tests = new Map();
  for (const file of globalThis.resident.files) {
    for (const { task, name } of testsOf(file)) {
      const fileName = relative(process.cwd(), file.filepath);
      let id = `${fileName}#${name}`;
      for (let again = 2; tests.has(id); again++) id = `${fileName}#${name} (${again})`;
      tests.set(id, { id, task, name, fileName: file.filepath });
    }
  }
  return tests;
}

function suitesAround(task) {
  const suites = [];
  for (let suite = task.suite ?? task.file; suite; suite = suite.suite) suites.unshift(suite);
  if (suites[0] !== task.file) suites.unshift(task.file);
  return suites;
}

async function within(ms, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs one test with the hooks around it. Returns the error, if any. */
async function run({ task }, self, limitMs) {
  const suites = suitesAround(task);
  const hooks = (name) => suites.flatMap((suite) => getSuiteHooks(suite)[name]);
  let failure;
  const attempt = async (work) => {
    try {
      await within(limitMs, work());
    } catch (error) {
      failure ??= error ?? new Error('failed');
    }
  };
  const done = [];
  await attempt(async () => {
    for (const hook of hooks('beforeEach')) {
      const undo = await hook(task.context, task);
      if (typeof undo === 'function') done.push(undo);
    }
    await getTestFn(task)();
  });
  // `onTestFinished` in a test reaches the test that vitest sees running, which is this one.
  const ends = [...hooks('afterEach'), ...done, ...(task.onFinished ?? []), ...(self.onFinished ?? [])].reverse();
  task.onFinished = [];
  self.onFinished = [];
  for (const end of ends) await attempt(async () => end(task.context, task));
  return failure;
}

const message = (error) => String(error?.message ?? error);

/** In ms of the processor: the machine may be busy with other things. */
function spentMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function runAll(tests, self) {
  const results = [];
  const took = {};
  for (const test of tests.values()) {
    mutants.currentTestId = test.id;
    const [from, spentBefore] = [performance.now(), spentMs()];
    // One on sockets of the system may find its port taken.
    const failure = (await run(test, self, 60_000)) && (await run(test, self, 60_000));
    const timeSpentMs = performance.now() - from;
    took[test.id] = spentMs() - spentBefore;
    const { id, name, fileName } = test;
    const result = { id, name, fileName, timeSpentMs };
    results.push(failure ? { ...result, status: 1, failureMessage: message(failure) } : { ...result, status: 0 });
  }
  mutants.currentTestId = undefined;
  return { tests: results, took, mutantCoverage: withoutTested(mutants.mutantCoverage) };
}

/** What acts both while modules load and in tests is tested in these: loading all again for each would be most of the time. */
function withoutTested({ static: loading, perTest }) {
  const tested = new Set(Object.values(perTest).flatMap((hits) => Object.keys(hits)));
  return { perTest, static: Object.fromEntries(Object.entries(loading).filter(([mutant]) => !tested.has(mutant))) };
}

async function runMutant(all, self, { mutant, tests, bail, isStatic }) {
  const answer = { killedBy: [], failureMessage: '', nrOfTests: 0, isEndless: false, isBroken: false };
  let stray;
  const onStray = (error) => (stray ??= error);
  process.on('unhandledRejection', onStray);
  Object.assign(mutants, { hitLimit: MOST_HITS, activeMutant: mutant });
  const limit = ({ ms }) => LEAST_LIMIT_MS + 20 * ms;
  const attempt = async (test, asked) => {
    stray = undefined;
    mutants.hitCount = 0;
    return (await run(test, self, limit(asked))) ?? stray;
  };
  for (const asked of tests) {
    const test = all.get(asked.id);
    answer.nrOfTests++;
    // A file that could not be imported has no tests.
    let failure = test ? await attempt(test, asked) : new Error(`not collected: ${asked.id}`);
    // It may be of a mutant before this one.
    if (failure && failure === stray) failure = await attempt(test, asked);
    answer.isEndless = mutants.hitCount > MOST_HITS;
    if (answer.isEndless) answer.failureMessage = 'hit limit';
    if (failure) {
      answer.killedBy.push(asked.id);
      answer.failureMessage ||= message(failure);
    }
    if (answer.isEndless || (failure && bail)) break;
  }
  if (!isStatic) mutants.activeMutant = undefined;
  mutants.hitLimit = undefined;
  vi.restoreAllMocks();
  vi.useRealTimers();
  const [killer] = answer.killedBy;
  // What a mutant left behind may fail the tests after it: the one that failed must pass again without it.
  if (killer && !isStatic && !answer.isEndless) {
    const asked = tests.find(({ id }) => id === killer);
    answer.isBroken = (await run(all.get(killer), self, limit(asked))) !== undefined;
  }
  process.off('unhandledRejection', onStray);
  return answer;
}

it('tests mutants', { timeout: 0 }, async ({ task: self }) => {
  const all = collected();
  globalThis.resident.isAwake = true;
  await new Promise((resolve) => {
    channel.onmessage = async ({ data }) => {
      if (data.kind === 'end') return resolve();
      if (data.kind === 'all') channel.postMessage(await runAll(all, self));
      if (data.kind === 'mutant') channel.postMessage(await runMutant(all, self, data));
    };
    channel.postMessage({ kind: 'ready' });
  });
  channel.close();
});
