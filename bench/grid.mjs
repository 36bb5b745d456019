/**
 * How two nodes behind any two NATs are connected, and how soon, in network namespaces; and how soon others are in the same
 * lab. What is measured: seconds from starting A's daemon, servers and B being up, to the first echo of B.
 */
import { fileURLToPath } from 'node:url';
import { median } from './lib/median.mjs';
import { Nebula } from './lib/nebula.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { table } from './lib/table.mjs';
import { Tinc } from './lib/tinc.mjs';

const USAGE = `usage: node bench/grid.mjs [--rounds N] [--kinds KIND,KIND...] [--json]
  --rounds  of each cell; medians are printed (1)
  --kinds   of NATs (all)
Needs root on Linux. Debian's nebula and tinc are measured beside, where they are installed. Exits 1 when a pair was not
connected as its NATs allow.`;
const options = readOptions(USAGE, { rounds: { type: 'string', default: '1' }, kinds: { type: 'string' } });
const rounds = wholeNumber(options.rounds, 'rounds');

const natlab = fileURLToPath(new URL('../packages/natlab/dist/index.js', import.meta.url));
const { Grid, GRID_KINDS, gridSite, HARD_NAT_MS, hasProgram, missingForLab, Ping, SERVER_ADDRESSES } = await import(
  natlab
);

const COMPARED = [
  ['none', 'none'],
  ['portcone', 'portcone'],
  ['portcone', 'sym'],
  ['sym', 'sym'],
  ['cgnat', 'cgnat'],
];
/** A path through a symmetric NAT is to be found in this share of the runs, from starting A's daemon on. */
const HARD_NAT_SHARE = 0.9;
const ECHO_TIMEOUT_MS = 20_000;
const MARKS = { direct: 'd', 'hole-punched': 'h', relayed: 'r' };

const missing = missingForLab();
if (missing !== undefined) fail(`this machine cannot have the lab: ${missing}`, 1);
const kinds = options.kinds?.split(',') ?? GRID_KINDS;
for (const kind of kinds) if (!GRID_KINDS.includes(kind)) fail(`--kinds: ${GRID_KINDS.join(', ')}\n${USAGE}`, 2);

function fail(text, code) {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** Runs of one cell. @returns medians, and what went wrong. */
async function measureCell(grid, a, b) {
  const runs = [];
  const faults = [];
  for (let round = 0; round < rounds; round += 1) {
    progress(`${a} / ${b}, round ${round + 1} of ${rounds}`);
    try {
      const cell = await grid.connect(a, b, { echoTimeoutMs: ECHO_TIMEOUT_MS });
      runs.push(cell);
      // How often chance had its part is judged over all cells.
      if (cell.settledSeconds === null && !cell.expected.hardNat)
        faults.push(`${cell.connectionA} / ${cell.connectionB}`);
    } catch (error) {
      faults.push(error.message.split('\n', 1)[0]);
    }
  }
  const met = runs.filter(({ settledSeconds }) => settledSeconds !== null);
  return {
    a,
    b,
    expected: runs[0]?.expected ?? null,
    seconds: runs.map(({ echoSeconds }) => echoSeconds),
    settledSeconds: met.map(({ settledSeconds }) => settledSeconds),
    lost: runs.reduce((sum, { lost }) => sum + lost, 0),
    faults,
  };
}

/** @returns by overlay and pair, seconds of each round; null where no echo came. */
async function measureOthers(grid) {
  const pairs = COMPARED.filter((pair) => pair.every((kind) => kinds.includes(kind)));
  const hosts = [...new Set(pairs.flatMap(([a, b]) => [gridSite('a', a), gridSite('b', b)]))];
  const results = [];
  for (const Overlay of [Nebula, Tinc]) {
    const lacking = Overlay.programs.filter((program) => !hasProgram(program));
    if (lacking.length > 0) {
      process.stderr.write(`${Overlay.name}: skipped, ${lacking.join(', ')} not installed\n`);
      continue;
    }
    const overlay = await Overlay.open(grid.lab, hosts, SERVER_ADDRESSES[0]);
    for (const [a, b] of pairs) {
      const seconds = [];
      for (let round = 0; round < rounds; round += 1) {
        progress(`${Overlay.name}: ${a} / ${b}, round ${round + 1} of ${rounds}`);
        seconds.push(await timeOther(grid.lab, overlay, gridSite('a', a), gridSite('b', b)));
      }
      results.push({ overlay: Overlay.name, a, b, seconds });
    }
  }
  return results;
}

/** As the grid's own measurement: B is up once it reaches the server, which knows nobody of an earlier round, through the overlay. */
async function timeOther(lab, overlay, hostA, hostB) {
  await Promise.all([lab.forgetMappings(hostA), lab.forgetMappings(hostB)]);
  const server = await overlay.startServer();
  const b = overlay.start(hostB);
  const ready = Ping.start(lab, hostB, overlay.serverAddress, 50);
  await ready.firstReply();
  await ready.stop();
  const ping = Ping.start(lab, hostA, overlay.address(hostB), 10);
  const a = overlay.start(hostA);
  try {
    const { receivedAtMs } = await ping.firstReply({ timeoutMs: ECHO_TIMEOUT_MS });
    return (receivedAtMs - a.startedAtMs) / 1000;
  } catch {
    // No echo in time is a result.
    return null;
  } finally {
    await Promise.all([ping, a, b, server].map((daemon) => daemon.stop()));
  }
}

const { cells, others } = await run();
progress('');
const all = cells.flatMap(({ seconds }) => seconds);
const hard = cells.filter(({ expected }) => expected?.hardNat);
const hardRuns = hard.reduce((sum, { seconds }) => sum + seconds.length, 0);
const hardMet = hard.flatMap(({ settledSeconds }) => settledSeconds).filter((seconds) => seconds * 1000 <= HARD_NAT_MS);
const summary = {
  rounds,
  medianSeconds: all.length > 0 ? median(all) : null,
  worstSeconds: all.length > 0 ? Math.max(...all) : null,
  lost: cells.reduce((sum, { lost }) => sum + lost, 0),
  hardNat: { runs: hardRuns, met: hardMet.length, medianSeconds: hardMet.length > 0 ? median(hardMet) : null },
};
const faults = cells.flatMap(({ a, b, faults: reasons }) => reasons.map((reason) => `${a} / ${b}: ${reason}`));
if (hardMet.length < HARD_NAT_SHARE * hardRuns) faults.push('too few paths through symmetric NATs');

if (options.json) process.stdout.write(`${JSON.stringify({ summary, cells, others, faults }, undefined, 2)}\n`);
else print();
process.exitCode = faults.length === 0 ? 0 : 1;

async function run() {
  const grid = await Grid.open(kinds);
  try {
    // The first start of all reads every file from the disk.
    await grid.connect(kinds[0], kinds[0]);
    const measured = [];
    for (const a of kinds) for (const b of kinds) measured.push(await measureCell(grid, a, b));
    return { cells: measured, others: await measureOthers(grid) };
  } finally {
    await grid.lab.remove();
  }
}

function print() {
  const cellOf = (a, b) => cells.find((cell) => cell.a === a && cell.b === b);
  const text = ({ seconds, expected, faults: reasons }) => {
    if (seconds.length === 0) return 'never';
    const mark = `${MARKS[expected.a]}${expected.hardNat ? '*' : ''}${reasons.length > 0 ? ' !' : ''}`;
    return `${median(seconds).toFixed(2)} ${mark}`;
  };
  const rows = kinds.map((a) => [a, ...kinds.map((b) => text(cellOf(a, b)))]);
  const { hardNat } = summary;
  const lines = [
    'Seconds from starting A to the first echo of B; rows A, columns B; how A sees the path: d direct, h hole-punched,',
    'r relayed, h* relayed first, then hole-punched by many sockets against many guesses.',
    '',
    table([['A \\ B', ...kinds], ...rows]),
    '',
    `median ${summary.medianSeconds?.toFixed(2)} s, worst ${summary.worstSeconds?.toFixed(2)} s, ${summary.lost} echoes lost afterwards`,
    ...(hardNat.runs > 0
      ? [
          `h*: ${hardNat.met} of ${hardNat.runs} runs within ${HARD_NAT_MS / 1000} s, median ${hardNat.medianSeconds?.toFixed(1)} s`,
        ]
      : []),
    ...(others.length > 0 ? ['', besideOthers()] : []),
    ...(faults.length > 0 ? ['', ...faults] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function besideOthers() {
  const names = [...new Set(others.map(({ overlay }) => overlay))];
  const pairs = COMPARED.filter(([a, b]) => others.some((other) => other.a === a && other.b === b));
  const text = (seconds) => {
    const came = seconds.filter((one) => one !== null);
    if (came.length === 0) return 'never';
    const failed = came.length < seconds.length ? ` (${seconds.length - came.length} of ${seconds.length} never)` : '';
    return `${median(came).toFixed(2)}${failed}`;
  };
  const rows = pairs.map(([a, b]) => {
    const of = (list) => list.find((one) => one.a === a && one.b === b);
    const theirs = names.map((name) => text(of(others.filter(({ overlay }) => overlay === name)).seconds));
    return [`${a} / ${b}`, text(of(cells).seconds), ...theirs];
  });
  return table([['A / B, seconds', 'wirepath', ...names], ...rows]);
}
