/* global AbortController */
/**
 * How much passes through a tunnel: two nodes in this process over loopback, and, as root, two network namespaces with TUN
 * devices and iperf3, ours and wireguard-go in the same run, because only the ratio survives a change of machine.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { BenchNetwork, untilConnected } from './lib/bench-network.mjs';
import { udpPacket } from './lib/inner-packet.mjs';
import { median } from './lib/median.mjs';
import { member, rcFile } from './lib/members.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { table } from './lib/table.mjs';
import { startWireguardGo, startWirepath, TUNNEL_ADDRESSES } from './lib/tunnels.mjs';
import { TwoNamespaces } from './lib/two-namespaces.mjs';

const USAGE = `usage: node bench/throughput.mjs [--rounds N] [--seconds N] [--json]
  --rounds   of each measurement; the median counts (3)
  --seconds  of each round (3)`;
const options = readOptions(USAGE, {
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '3' },
});
const rounds = wholeNumber(options.rounds, 'rounds');
const seconds = wholeNumber(options.seconds, 'seconds');

/** Inner packets of 1388 bytes, below every MTU in use. */
const PAYLOAD_BYTES = 1360;
const WINDOW_PACKETS = 64;
const STALL_MS = 50;
const CLOCK_TICKS_PER_SECOND = 100;
const TESTS = {
  'TCP, 1 stream': [],
  'TCP, 4 streams': ['-P', '4'],
  'UDP, 1380 bytes': ['-u', '-b', '0', '-l', '1380'],
};

/** @returns megabits per second of inner packets that arrived. */
async function inProcess() {
  const network = new BenchNetwork();
  try {
    const [a, b] = [member('a', 1), member('b', 2)];
    const port = 20_000 + (process.pid % 20_000);
    const transport = (side) => ['@wirepath/transport-wg', { tun: false, listenPort: port + side }];
    const rc = (own, other, side) => {
      const file = rcFile(own, [other], [transport(side)]);
      return { ...file, peers: [{ ...file.peers[0], endpoint: `127.0.0.1:${port + 1 - side}` }] };
    };
    const nodes = [await network.createNode(rc(a, b, 0)), await network.createNode(rc(b, a, 1))];
    for (const node of nodes) await node.start({ signal: new AbortController().signal });
    await untilConnected(nodes);
    return median(await repeat(() => pour(nodes[0].packets, nodes[1].packets, a.address, b.address)));
  } finally {
    await network.close();
  }
}

async function pour(from, to, source, destination) {
  const packet = udpPacket(source, destination, 9, PAYLOAD_BYTES);
  let received = 0;
  const subscription = to.onPacket(() => (received += 1));
  const startedAt = performance.now();
  let progressAt = startedAt;
  for (let sent = 0; performance.now() - startedAt < seconds * 1000;) {
    const before = received;
    for (; sent - received < WINDOW_PACKETS; sent += 1) from.send(packet);
    await nextTurn();
    if (received > before) progressAt = performance.now();
    // What was lost is given up: this measures, it does not deliver.
    else if (performance.now() - progressAt > STALL_MS) sent = received;
  }
  subscription[Symbol.dispose]();
  return (received * packet.length * 8) / 1000 / (performance.now() - startedAt);
}

async function repeat(act) {
  const results = [];
  for (let round = 0; round < rounds; round += 1) results.push(await act());
  return results;
}

/** @returns by test, the medians of both: megabits per second received, and CPU seconds of both daemons per gigabyte. */
async function namespaces() {
  const engines = { wirepath: startWirepath, 'wireguard-go': startWireguardGo };
  const results = Object.fromEntries(Object.keys(TESTS).map((test) => [test, { wirepath: [], 'wireguard-go': [] }]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [engine, start] of Object.entries(engines)) {
      const lab = await TwoNamespaces.open();
      try {
        const daemons = await start(lab);
        const server = lab.spawn(1, ['iperf3', '-s', '-B', TUNNEL_ADDRESSES[1]]);
        await sleep(300);
        for (const [test, args] of Object.entries(TESTS)) results[test][engine].push(await iperf(lab, daemons, args));
        await lab.stop(server);
      } finally {
        await lab.close();
      }
    }
  }
  const medians = (runs) => ({
    megabits: median(runs.map(({ megabits }) => megabits)),
    cpuPerGigabyte: median(runs.map(({ cpuPerGigabyte }) => cpuPerGigabyte)),
  });
  return Object.entries(results).map(([test, runs]) => ({
    test,
    wirepath: medians(runs.wirepath),
    wireguardGo: medians(runs['wireguard-go']),
  }));
}

async function iperf(lab, daemons, args) {
  const before = cpuSeconds(daemons);
  const text = await lab.exec(0, 'iperf3', '-c', TUNNEL_ADDRESSES[1], '-t', String(seconds), '-J', ...args);
  const cpu = cpuSeconds(daemons) - before;
  const { end } = JSON.parse(text);
  const received = end.sum_received?.bytes > 0 ? end.sum_received : udpReceived(end.sum);
  return {
    megabits: (received.bytes * 8) / 1e6 / received.seconds,
    cpuPerGigabyte: cpu / (received.bytes / 1e9),
  };
}

/** Older iperf3 tells of UDP what was sent, and the share that was lost. */
function udpReceived({ bytes, seconds: took, lost_percent: lostPercent }) {
  return { bytes: bytes * (1 - lostPercent / 100), seconds: took };
}

function cpuSeconds(daemons) {
  return daemons.reduce((sum, { pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
  }, 0);
}

/** @returns what keeps the second part from running. */
function lackingForNamespaces() {
  if (process.platform !== 'linux' || process.getuid() !== 0) return 'needs root on Linux';
  const missing = ['ip', 'iperf3', 'wireguard-go', 'wg', 'ping'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  );
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

const megabits = await inProcess();
const lacking = lackingForNamespaces();
if (lacking !== undefined) process.stderr.write(`namespaces with TUN: skipped, ${lacking}\n`);
const compared = lacking === undefined ? await namespaces() : [];
if (options.json) {
  process.stdout.write(`${JSON.stringify({ inProcess: { megabits }, namespaces: compared }, undefined, 2)}\n`);
} else {
  process.stdout.write(`two nodes in one process over loopback: ${Math.round(megabits)} Mbit/s\n`);
  if (compared.length > 0) {
    const head = ['TUN, Mbit/s received', 'wirepath', 'wireguard-go', 'ratio', 'CPU s/GB: wirepath', 'wireguard-go'];
    const rows = compared.map(({ test, wirepath, wireguardGo }) => [
      test,
      Math.round(wirepath.megabits),
      Math.round(wireguardGo.megabits),
      Math.round((wirepath.megabits / wireguardGo.megabits) * 100) / 100,
      wirepath.cpuPerGigabyte,
      wireguardGo.cpuPerGigabyte,
    ]);
    process.stdout.write(`\n${table([head, ...rows])}\n`);
  }
}
