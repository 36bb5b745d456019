// A test runner for Stryker whose vitest stays. The stock one starts a worker and imports everything again for each mutant, which costs
// a second and a half; here a mutant costs what its tests take. Only one that acts while modules load is given a worker of its own.
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import { createVitest } from 'vitest/node';
import { sampleOf } from './sample.mjs';

/**
 * Longer tests try something a thousand times. They would be most of the time, and hardly a mutant is found by them alone; only those
 * beside the part are asked, as long as they are not much longer.
 */
const LONG_MS = 50;
const LONG_BESIDE_MS = 400;

/** In the sandbox: what each test took when nothing was mutated, in ms of the processor. Stryker replaces a runner that hangs. */
const TOOK = 'took.json';

const nameOf = (path) => basename(path).replace(/(\.test)?\.ts$/, '');

class ResidentRunner {
  static inject = ['options'];
  #config;
  #channel = new BroadcastChannel('mutants');
  #took;
  #sample = sampleOf(process.env.MUTATE_SAMPLE);

  constructor(options) {
    this.#config = options.vitest.configFile;
    this.#channel.unref();
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    Object.assign(process.env, { NODE_ENV: 'test', VITEST: '1' });
    this.vitest = await createVitest('test', {
      config: this.#config,
      watch: false,
      onConsoleLog: () => false,
      reporters: [{}],
    });
    await this.#open(undefined);
  }

  async dryRun() {
    const { tests, took, mutantCoverage } = await this.#ask({ kind: 'all' });
    await writeFile(TOOK, JSON.stringify(took));
    return { status: 'complete', tests, mutantCoverage };
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter, disableBail }) {
    const { fileName } = activeMutant;
    if (!this.#sample.has(activeMutant)) return { status: 'error', errorMessage: 'not in the sample' };
    const isStatic = mutantActivation === 'static';
    if (isStatic || this.worn) await this.#reopen(isStatic ? activeMutant.id : undefined);
    this.worn = isStatic;
    this.#took ??= new Map(Object.entries(JSON.parse(await readFile(TOOK, 'utf8'))));
    const tests = this.#testsFor(fileName, testFilter);
    const run = () => this.#ask({ kind: 'mutant', mutant: activeMutant.id, tests, bail: !disableBail, isStatic });
    let answer = await run();
    if (answer.isBroken) {
      await this.#reopen(undefined);
      answer = await run();
    }
    this.worn ||= answer.isBroken;
    const { killedBy, failureMessage, nrOfTests, isEndless } = answer;
    if (isEndless) return { status: 'timeout', reason: failureMessage };
    if (killedBy.length === 0) return { status: 'survived', nrOfTests };
    return { status: 'killed', killedBy, failureMessage, nrOfTests };
  }

  /** The tests beside the part first, then the quick. */
  #testsFor(fileName, ids = [...this.#took.keys()]) {
    const part = nameOf(fileName);
    return ids
      .map((id) => ({ id, ms: this.#took.get(id) ?? 0, isBeside: nameOf(id.split('#')[0]) === part }))
      .filter(({ ms, isBeside }) => ms < (isBeside ? LONG_BESIDE_MS : LONG_MS))
      .sort((a, b) => Number(b.isBeside) - Number(a.isBeside) || a.ms - b.ms);
  }

  async dispose() {
    await this.#close();
    await this.vitest?.close();
    this.#channel.close();
  }

  async #reopen(mutant) {
    await this.#close();
    await this.#open(mutant);
  }

  async #open(mutant) {
    this.vitest.provide('mutant', mutant);
    this.vitest.state.filesMap.clear();
    const ready = this.#answer();
    this.run = this.vitest.start();
    const first = await Promise.race([ready, this.run]);
    if (first?.kind !== 'ready') throw new Error('The tests could not be loaded.');
  }

  async #close() {
    this.#channel.postMessage({ kind: 'end' });
    await this.run;
  }

  #ask(question) {
    const answer = this.#answer();
    this.#channel.postMessage(question);
    return answer;
  }

  #answer() {
    return new Promise((resolve) => {
      this.#channel.ref();
      this.#channel.onmessage = ({ data }) => {
        this.#channel.unref();
        resolve(data);
      };
    });
  }
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'resident', injectableClass: ResidentRunner }];
