/**
 * What many peers and a flood of handshakes cost a device, ours beside wireguard-go in the same run: as root on Linux, two network
 * namespaces with a tunnel between them.
 */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lackingForTunnels } from './lib/engines.mjs';
import { median } from './lib/median.mjs';
import { warnOfOtherWork } from './lib/other-work.mjs';
import { list, readOptions, wholeNumber } from './lib/options.mjs';
import { cpuSeconds, residentMegabytes } from './lib/process-costs.mjs';
import { profileTable, topFunctions } from './lib/profile.mjs';
import { figure, table } from './lib/table.mjs';
import { bulk, startIperf, startStream, streamMegabits } from './lib/tunnel-tests.mjs';
import { idlePeers, joinByWireGuard, keyPair, TUNNEL_PORT, wireguardGoEnd, wirepathEnd } from './lib/tunnels.mjs';
import { TwoNamespaces } from './lib/two-namespaces.mjs';

const PARTS = ['peers', 'handshakes', 'flood'];
const USAGE = `usage: node bench/device.mjs [--rounds N] [--seconds N] [--json] ...
  --rounds   of each measurement; the median counts (3)
  --seconds  of each throughput (3)
  --peers    of the device, all but one of which nobody talks to (1,1000,10000)
  --flood    handshake initiations per second, with a right mac1; max: as many as a core can send (2000,20000,max)
  --sources  addresses that they come from, forged (10000)
  --cookies  the addresses are not forged: each proves itself with the cookie that it is sent
  --profile  only a CPU profile of our device under the first of these floods
  --only     of peers,handshakes,flood`;
const options = readOptions(USAGE, {
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '3' },
  peers: { type: 'string', default: '1,1000,10000' },
  flood: { type: 'string', default: '2000,20000,max' },
  sources: { type: 'string', default: '10000' },
  cookies: { type: 'boolean', default: false },
  profile: { type: 'boolean', default: false },
  only: { type: 'string', default: PARTS.join(',') },
});
const rounds = wholeNumber(options.rounds, 'rounds');
const seconds = wholeNumber(options.seconds, 'seconds');
const peerCounts = list(options.peers, 'peers').map((count) => wholeNumber(count, 'peers'));
const floods = list(options.flood, 'flood').map((rate) => (rate === 'max' ? 0 : wholeNumber(rate, 'flood')));
const sources = wholeNumber(options.sources, 'sources');
const only = list(options.only, 'only', PARTS);
const lacking = lackingForTunnels();
if (lacking !== undefined) {
  process.stderr.write(`device: ${lacking}\n`);
  process.exit(2);
}

const OURS = 'wirepath';
const REFERENCE = 'wireguard-go';
const ENGINES = { [OURS]: wirepathEnd, [REFERENCE]: wireguardGoEnd };
const FLOOD = fileURLToPath(new URL('lib/handshake-flood.mjs', import.meta.url));
const HANDSHAKE_LOAD = fileURLToPath(new URL('lib/handshake-load.mjs', import.meta.url));
/** Of the flood's sources; answers to them go out to the far end, which drops them where they are forged. */
const FLOOD_NETWORK = '198.18.0.0/15';
/** Nobody listens there: a flood to it costs the machine the same, and the device nothing. */
const CLOSED_PORT = TUNNEL_PORT + 1;
/** What starting leaves to do later is no part of idleness. */
const SETTLE_MS = 3000;
const IDLE_SECONDS = 5;
const FLOOD_SETTLE_MS = 1000;
const HANDSHAKES = 1000;
/** Fewer than make a device ask for cookies. */
const HANDSHAKES_PER_SECOND = 200;

const progress = (text) => process.stderr.write(`${text}\n`);
const times = (value) => `${figure(value)}x`;

/** One start of a device with so many peers. @returns one figure of each kind. */
async function measurePeers(makeEnd, count) {
  const lab = await TwoNamespaces.open();
  try {
    const ends = [makeEnd({ idle: idlePeers(count - 1) }), makeEnd()];
    const { daemons, startMs } = await joinByWireGuard(lab, ends);
    const [device] = daemons;
    await sleep(SETTLE_MS);
    const before = cpuSeconds([device]);
    await sleep(IDLE_SECONDS * 1000);
    const idleShare = (cpuSeconds([device]) - before) / IDLE_SECONDS;
    const megabytes = residentMegabytes(device);
    await startIperf(lab);
    const out = await bulk(lab, daemons, [], seconds);
    const back = await bulk(lab, daemons, ['-R'], seconds);
    return { startMs, idleShare, megabytes, sending: out.megabits, receiving: back.megabits };
  } finally {
    await lab.close();
  }
}

/** Peers that each begin one handshake. @returns milliseconds of processor time that the device spends on answering one. */
async function measureHandshakes(makeEnd) {
  const lab = await TwoNamespaces.open();
  try {
    const initiators = Array.from({ length: HANDSHAKES }, keyPair);
    const publicKeys = initiators.map(({ publicKey }) => publicKey);
    const file = join(lab.folder, 'initiators');
    await writeFile(file, JSON.stringify(initiators.map(({ privateKey }) => privateKey)), { mode: 0o600 });
    const ends = [makeEnd({ idle: idlePeers(HANDSHAKES, publicKeys) }), makeEnd()];
    const { daemons, keys } = await joinByWireGuard(lab, ends);
    await sleep(SETTLE_MS);
    const before = cpuSeconds([daemons[0]]);
    const args = [lab.addresses[0], String(TUNNEL_PORT), keys[0].publicKey, String(HANDSHAKES_PER_SECOND), file];
    const { answered } = JSON.parse(await lab.exec(1, process.execPath, HANDSHAKE_LOAD, ...args));
    const cpu = cpuSeconds([daemons[0]]) - before;
    return { answered, perCpuSecond: answered / cpu };
  } finally {
    await lab.close();
  }
}

/** Joins two ends, with a stream to the first and a way back to the sources of a flood. @returns the daemons and the keys. */
async function floodable(lab, ends) {
  const joined = await joinByWireGuard(lab, ends);
  await lab.exec(0, 'ip', 'route', 'add', FLOOD_NETWORK, 'via', lab.addresses[1]);
  if (options.cookies) await lab.exec(1, 'ip', 'route', 'add', 'local', FLOOD_NETWORK, 'dev', 'lo');
  await startIperf(lab);
  startStream(lab);
  await sleep(FLOOD_SETTLE_MS);
  return joined;
}

/** @returns megabits per second of the stream meanwhile, and what the sender of the flood says. */
async function flood(lab, { publicKey }, port, rate) {
  const args = [lab.addresses[0], port, publicKey, sources, rate, ...(options.cookies ? ['cookies'] : [])].map(String);
  const sender = lab.spawn(1, [process.execPath, FLOOD, ...args]);
  let said = '';
  const ended = once(sender, 'close');
  const begun = new Promise((resolve) => sender.stdout.on('data', (text) => ((said += text), resolve())));
  await Promise.race([begun, ended]);
  await sleep(FLOOD_SETTLE_MS);
  const megabits = await streamMegabits(lab, seconds);
  await lab.stop(sender);
  const [, result] = said.split('\n');
  if (!result) throw new Error(`the flood: ${sender.lastWords}`);
  return { megabits, ...JSON.parse(result) };
}

/** One device that receives a stream while a flood of each rate comes in, and while the same flood goes to a closed port. */
async function measureFloods(makeEnd) {
  const lab = await TwoNamespaces.open();
  try {
    const { keys } = await floodable(lab, [makeEnd(), makeEnd()]);
    const results = { quiet: await streamMegabits(lab, seconds) };
    for (const rate of floods) {
      const beside = await flood(lab, keys[0], CLOSED_PORT, rate);
      const flooded = await flood(lab, keys[0], TUNNEL_PORT, rate);
      results[`beside ${rate}`] = beside.megabits;
      results[`flooded ${rate}`] = flooded.megabits;
      results[`sent ${rate}`] = flooded.perSecond;
      results[`proven ${rate}`] = flooded.proven;
    }
    return results;
  } finally {
    await lab.close();
  }
}

/** What takes the time of our device under a flood. */
async function profileFlood(rate) {
  const lab = await TwoNamespaces.open();
  try {
    const folder = join(lab.folder, 'profile');
    await mkdir(folder);
    const { daemons, keys } = await floodable(lab, [wirepathEnd({ profile: folder }), wirepathEnd()]);
    await flood(lab, keys[0], TUNNEL_PORT, rate);
    await lab.stop(daemons[0]);
    return await topFunctions(folder, seconds);
  } finally {
    await lab.close();
  }
}

/** Engines take turns. @returns by engine, the medians of each figure. */
async function inTurns(what, measure) {
  const runs = Object.fromEntries(Object.keys(ENGINES).map((name) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, makeEnd] of Object.entries(ENGINES)) {
      progress(`${what}, round ${round} of ${rounds}: ${name}`);
      runs[name].push(await measure(makeEnd));
    }
  }
  const medians = (all) => Object.keys(all[0]).map((field) => [field, median(all.map((run) => run[field]))]);
  return Object.fromEntries(Object.entries(runs).map(([name, all]) => [name, Object.fromEntries(medians(all))]));
}

function peersTable(peers) {
  const head = [
    'peers',
    '',
    'first echo, ms',
    'MB',
    'idle, % of a core',
    'sending, Mbit/s',
    'of fewest',
    'receiving',
    'of fewest',
  ];
  const rows = peers.flatMap(({ count, ...engines }) => [
    ...Object.entries(engines).map(([name, of]) => [
      count,
      name,
      of.startMs,
      of.megabytes,
      of.idleShare * 100,
      Math.round(of.sending),
      times(of.sending / peers[0][name].sending),
      Math.round(of.receiving),
      times(of.receiving / peers[0][name].receiving),
    ]),
    [
      count,
      'times',
      ...['startMs', 'megabytes'].map((field) => times(engines[OURS][field] / engines[REFERENCE][field])),
      '',
      times(engines[OURS].sending / engines[REFERENCE].sending),
      '',
      times(engines[OURS].receiving / engines[REFERENCE].receiving),
      '',
    ],
  ]);
  return table([head, ...rows]);
}

function handshakesTable(engines) {
  const rows = Object.entries(engines).map(([name, { answered, perCpuSecond }]) => [
    name,
    answered,
    Math.round(perCpuSecond),
    times(perCpuSecond / engines[REFERENCE].perCpuSecond),
  ]);
  return table([['handshakes', `answered of ${HANDSHAKES}`, 'per CPU second', 'times'], ...rows]);
}

function floodsTable(engines) {
  const head = ['initiations/s', '', 'quiet, Mbit/s', 'flood beside it', 'flooded', 'of quiet', 'of beside'];
  const rows = floods.flatMap((rate) =>
    Object.entries(engines).map(([name, of]) => [
      Math.round(of[`sent ${rate}`]),
      name,
      Math.round(of.quiet),
      Math.round(of[`beside ${rate}`]),
      Math.round(of[`flooded ${rate}`]),
      times(of[`flooded ${rate}`] / of.quiet),
      times(of[`flooded ${rate}`] / of[`beside ${rate}`]),
    ]),
  );
  return table([head, ...rows]);
}

warnOfOtherWork();
const report = {};
if (options.profile) report.profile = await profileFlood(floods[0]);
else {
  if (only.includes('peers')) {
    report.peers = [];
    for (const count of peerCounts) {
      report.peers.push({ count, ...(await inTurns(`${count} peers`, (makeEnd) => measurePeers(makeEnd, count))) });
    }
  }
  if (only.includes('handshakes')) report.handshakes = await inTurns('handshakes', measureHandshakes);
  if (only.includes('flood')) report.floods = await inTurns('handshake flood', measureFloods);
}
if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
else {
  const sections = [
    report.peers && peersTable(report.peers),
    report.handshakes && handshakesTable(report.handshakes),
    report.floods && floodsTable(report.floods),
    report.profile && profileTable(report.profile),
  ];
  process.stdout.write(`${sections.filter((one) => one !== undefined).join('\n\n')}\n`);
}
