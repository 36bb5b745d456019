/**
 * How much passes through a tunnel: two nodes in this process over loopback, and, as root, two network namespaces with TUN
 * devices and iperf3, ours beside others in the same run, because only the ratio survives a change of machine.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { engines, lackingForTunnels, OURS, oursName, prototypeName, REFERENCE, withoutName } from './lib/engines.mjs';
import { inProcessMegabits } from './lib/in-process.mjs';
import { median } from './lib/median.mjs';
import { warnOfOtherWork } from './lib/other-work.mjs';
import { list, readOptions, wholeNumber } from './lib/options.mjs';
import { profileTable, topFunctions } from './lib/profile.mjs';
import { figure, table } from './lib/table.mjs';
import { brokenPackets, bulk, BULK_TESTS, idlePing, startIperf } from './lib/tunnel-tests.mjs';
import { joinByWireGuard, refusedBy, wirepathEnd } from './lib/tunnels.mjs';
import { TwoNamespaces } from './lib/two-namespaces.mjs';

const USAGE = `usage: node bench/throughput.mjs [--rounds N] [--seconds N] [--json] ...
  --rounds     of each measurement; the median counts (3)
  --seconds    of each round (3)
  --tests      of ${Object.keys(BULK_TESTS).join(',')},ping (all)
  --crypto     ciphers of our engine, one entry each; default: the one that it chooses (default,evp,sodium,node)
  --without    tricks that our engine is to do without, one entry each, several joined by +: gso,gro,tso,uso,batches,gso+gro
  --build      NAME=PATH of another build's packages/cli/bin/wirepath.js; may be given again
  --binary     NAME=PATH of a program with wireguard-go's arguments; may be given again
  --prototype  script run as SCRIPT TUN LISTEN_IP LISTEN_PORT PEER_IP PEER_PORT SIDE single raw|evp|sodium
  --only       entries whose names contain one of these words, and ${REFERENCE}
  --profile    sender or receiver: only a CPU profile of that end of ours under one TCP stream`;
const options = readOptions(USAGE, {
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '3' },
  tests: { type: 'string', default: [...Object.keys(BULK_TESTS), 'ping'].join(',') },
  crypto: { type: 'string', default: 'default,evp,sodium,node' },
  without: { type: 'string', default: '' },
  build: { type: 'string', multiple: true, default: [] },
  binary: { type: 'string', multiple: true, default: [] },
  prototype: { type: 'string' },
  only: { type: 'string', default: '' },
  profile: { type: 'string' },
});
const rounds = wholeNumber(options.rounds, 'rounds');
const seconds = wholeNumber(options.seconds, 'seconds');
const tests = list(options.tests, 'tests', [...Object.keys(BULK_TESTS), 'ping']);
const ladder = list(options.crypto, 'crypto', ['default', 'openssl', 'evp', 'sodium', 'node']);
const without = list(options.without, 'without');
const only = list(options.only, 'only');
const named = (text) => {
  const [name, path] = text.split(/=(.*)/s);
  return [name, path ?? name];
};
/** The prototype's names of what our ladder is made of; its fastest beside what ours chooses. */
const PROTOTYPE_CRYPTO = { default: 'raw', openssl: 'raw', evp: 'evp', sodium: 'sodium' };
const ATTEMPTS = 2;
const SETTLE_MS = 500;
/** Of traffic before the first figure: a runtime compiles what is hot in its first second. */
const WARM_UP_SECONDS = 2;

const progress = (text) => process.stderr.write(`${text}\n`);

/** @returns one figure of each kind. */
async function measure({ join: joinEnds }) {
  const lab = await TwoNamespaces.open();
  try {
    const { daemons } = await joinEnds(lab);
    const server = await startIperf(lab);
    await sleep(SETTLE_MS);
    const results = {};
    if (tests.includes('ping')) results.ping = await idlePing(lab);
    if (bulkTests.length > 0) await bulk(lab, daemons, [], WARM_UP_SECONDS);
    for (const [test, { args }] of Object.entries(BULK_TESTS)) {
      if (tests.includes(test)) results[test] = await bulk(lab, daemons, args, seconds);
    }
    results.ways = await daemons[0].describe?.();
    results.brokenPackets = await brokenPackets(lab);
    await lab.stop(server);
    return results;
  } finally {
    await lab.close();
  }
}

/** @returns the entries that this build knows the options of. */
async function knownToThisBuild(entries) {
  const lab = await TwoNamespaces.open();
  try {
    const known = [];
    for (const entry of entries) {
      const refused = entry.transport === undefined ? undefined : await refusedBy(lab, entry.transport);
      if (refused === undefined) known.push(entry);
      else progress(`${entry.name}: not known to this build`);
    }
    return known;
  } finally {
    await lab.close();
  }
}

/** One that does not run here is left out: the others are worth their time still. */
async function tried(entry) {
  let problem;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      return { result: await measure(entry) };
    } catch (error) {
      problem = error.message;
      progress(`${entry.name}: ${problem}`);
    }
  }
  progress(`${entry.name}: left out`);
  return { problem };
}

/** Entries take turns. @returns by name, the results of all rounds. */
async function compare(entries) {
  const results = new Map(entries.map(({ name }) => [name, []]));
  const failed = new Map();
  for (let round = 1; round <= rounds; round += 1) {
    for (const entry of entries.filter(({ name }) => !failed.has(name))) {
      progress(`round ${round} of ${rounds}: ${entry.name}`);
      const { result, problem } = await tried(entry);
      if (problem === undefined) results.get(entry.name).push(result);
      else failed.set(entry.name, problem);
    }
  }
  return { results, failed };
}

/** @returns by test, the medians of what was measured in every round. */
function medians(runs) {
  const over = (test, field) => median(runs.map((run) => run[test][field]));
  return Object.fromEntries(
    tests.map((test) => {
      const fields = Object.keys(runs[0][test]);
      return [test, Object.fromEntries(fields.map((field) => [field, over(test, field)]))];
    }),
  );
}

const kpps = (test, { megabits }) => (megabits * 1000) / 8 / BULK_TESTS[test].bytes;
const times = (value) => `${figure(value)}x`;
const bulkTests = tests.filter((test) => test in BULK_TESTS);

function throughputTable(summary) {
  const reference = summary.get(REFERENCE);
  const counted = (test) => BULK_TESTS[test].bytes !== undefined;
  const head = [
    'received, Mbit/s',
    ...bulkTests.flatMap((test) => [BULK_TESTS[test].title, ...(counted(test) ? ['kpps'] : []), 'times']),
  ];
  const rows = [...summary].map(([name, of]) => [
    name,
    ...bulkTests.flatMap((test) => [
      Math.round(of[test].megabits),
      ...(counted(test) ? [kpps(test, of[test])] : []),
      reference === undefined ? '' : times(of[test].megabits / reference[test].megabits),
    ]),
  ]);
  return table([head, ...rows]);
}

function costTable(summary) {
  const reference = summary.get(REFERENCE);
  const costs = bulkTests.flatMap((test) => [BULK_TESTS[test].title, 'times']);
  const ping = tests.includes('ping') ? ['idle ping, ms', 'times', 'slowest'] : [];
  const rows = [...summary].map(([name, of]) => [
    name,
    ...bulkTests.flatMap((test) => [
      of[test].cpuPerGigabyte,
      reference === undefined ? '' : times(of[test].cpuPerGigabyte / reference[test].cpuPerGigabyte),
    ]),
    ...(ping.length === 0
      ? []
      : [
          of.ping.medianMs,
          reference === undefined ? '' : times(of.ping.medianMs / reference.ping.medianMs),
          of.ping.p99Ms,
        ]),
  ]);
  return table([['CPU s/GB, both ends', ...costs, ...ping], ...rows]);
}

/** Of two entries, how many times the first carries what the second does. */
function ratioTable(title, summary, pairs) {
  const there = pairs.filter((pair) => pair.every((name) => summary.has(name)));
  if (there.length === 0) return undefined;
  const rows = there.map(([a, b]) => [
    `${a} / ${b}`,
    ...bulkTests.map((test) => times(summary.get(a)[test].megabits / summary.get(b)[test].megabits)),
  ]);
  return table([[title, ...bulkTests.map((test) => BULK_TESTS[test].title)], ...rows]);
}

async function profile(end) {
  const lab = await TwoNamespaces.open();
  try {
    const folder = join(lab.folder, 'profile');
    await mkdir(folder);
    const profiled = end === 'sender' ? 0 : 1;
    const ends = [0, 1].map((side) => wirepathEnd(side === profiled ? { profile: folder } : {}));
    const { daemons } = await joinByWireGuard(lab, ends);
    await startIperf(lab);
    const { megabits } = await bulk(lab, daemons, BULK_TESTS['tcp-1'].args, seconds);
    await lab.stop(daemons[profiled]);
    return { end, megabits, functions: await topFunctions(folder, seconds) };
  } finally {
    await lab.close();
  }
}

function printProfile({ end, megabits, functions }) {
  process.stdout.write(`${end} at ${Math.round(megabits)} Mbit/s, one TCP stream, under the profiler\n\n`);
  process.stdout.write(`${profileTable(functions)}\n`);
}

function printComparison({ inProcess, summary, ways, broken }) {
  process.stdout.write(`two nodes in one process over loopback: ${Math.round(inProcess)} Mbit/s\n`);
  if (summary.size === 0) return;
  const sections = [
    bulkTests.length > 0 ? throughputTable(summary) : undefined,
    costTable(summary),
    ratioTable(
      'beside the prototype',
      summary,
      ladder.map((crypto) => [oursName(crypto), prototypeName(PROTOTYPE_CRYPTO[crypto])]),
    ),
    ratioTable(
      'what each trick wins',
      summary,
      without.map((tricks) => [OURS, withoutName(tricks)]),
    ),
  ];
  for (const section of sections.filter((one) => one !== undefined)) process.stdout.write(`\n${section}\n`);
  for (const [name, words] of ways) process.stdout.write(`\n${name}: ${words}\n`);
  for (const [name, count] of broken)
    process.stdout.write(`\n${name}: ${count} broken packets at the kernels of both ends\n`);
}

async function comparison() {
  const all = engines({
    ladder,
    without,
    builds: options.build.map(named),
    binaries: options.binary.map(named),
    prototype: options.prototype,
    prototypeLadder: [...new Set(ladder.map((crypto) => PROTOTYPE_CRYPTO[crypto]))].filter((one) => one !== undefined),
  });
  const wanted = all.filter(
    ({ name }) => only.length === 0 || name === REFERENCE || only.some((word) => name.includes(word)),
  );
  const { results, failed } = await compare(await knownToThisBuild(wanted));
  const complete = [...results].filter(([name]) => !failed.has(name));
  const brokenBy = ([name, runs]) => [name, runs.reduce((sum, { brokenPackets: count }) => sum + count, 0)];
  return {
    results: Object.fromEntries(results),
    failed: Object.fromEntries(failed),
    summary: new Map(complete.map(([name, runs]) => [name, medians(runs)])),
    ways: complete.map(([name, runs]) => [name, runs[0].ways]).filter(([, words]) => words),
    broken: complete.map(brokenBy).filter(([, count]) => count > 0),
  };
}

warnOfOtherWork();
const lacking = lackingForTunnels();
if (options.profile !== undefined) {
  list(options.profile, 'profile', ['sender', 'receiver']);
  if (lacking !== undefined) throw new Error(`--profile: ${lacking}`);
  const report = await profile(options.profile);
  if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else printProfile(report);
} else {
  const inProcess = await inProcessMegabits(rounds, seconds);
  if (lacking !== undefined) progress(`tunnels between namespaces: skipped, ${lacking}`);
  const compared =
    lacking === undefined ? await comparison() : { results: {}, failed: {}, summary: new Map(), ways: [], broken: [] };
  const { results, failed, summary, ways, broken } = compared;
  if (options.json) {
    const medianOf = Object.fromEntries(summary);
    process.stdout.write(
      `${JSON.stringify({ inProcess: { megabits: inProcess }, medians: medianOf, rounds: results, failed }, undefined, 2)}\n`,
    );
  } else printComparison({ inProcess, summary, ways, broken });
  if (Object.keys(failed).length > 0 || broken.some(([name]) => name.startsWith(OURS))) process.exitCode = 1;
}
