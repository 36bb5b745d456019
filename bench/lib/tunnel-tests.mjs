/** What is measured through a tunnel between two namespaces: iperf3 and ping, from the first to the second. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './median.mjs';
import { cpuSeconds } from './process-costs.mjs';
import { deviceName, TUNNEL_ADDRESSES } from './tunnels.mjs';

/** Datagrams as large as `bytes` are counted, not only their bits. */
export const BULK_TESTS = {
  'tcp-1': { title: 'TCP, 1 stream', args: [] },
  'tcp-4': { title: 'TCP, 4 streams', args: ['-P', '4'] },
  'udp-1380': { title: 'UDP, 1380 bytes', args: ['-u', '-b', '0', '-l', '1380'], bytes: 1380 },
  'udp-64': { title: 'UDP, 64 bytes', args: ['-u', '-b', '0', '-l', '64'], bytes: 64 },
};
const PINGS = 40;
const PING_INTERVAL_SECONDS = 0.05;
/** iperf3 talks through the tunnel too, and gives up where its own words are lost among too many datagrams. */
const ATTEMPTS = 3;
/** After which iperf3 is taken to hang. */
const LATE_SECONDS = 10;

export async function startIperf(lab) {
  const server = lab.spawn(1, ['iperf3', '-s', '-B', TUNNEL_ADDRESSES[1]]);
  await lab.until(1, 'sh', '-c', 'ss -Hltn sport = :5201 | grep -q .');
  return server;
}

/**
 * @param args more for iperf3's client.
 * @returns megabits per second received, and CPU seconds of all daemons per gigabyte (10^9) received.
 */
export async function bulk(lab, daemons, args, seconds) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const before = cpuSeconds(daemons);
      const client = ['iperf3', '-c', TUNNEL_ADDRESSES[1], '-t', String(seconds), '-J', ...args];
      const text = await lab.exec(0, 'timeout', String(seconds + LATE_SECONDS), ...client);
      const cpu = cpuSeconds(daemons) - before;
      const { end } = JSON.parse(text);
      const received = end.sum_received?.bytes > 0 ? end.sum_received : udpReceived(end.sum);
      return { megabits: (received.bytes * 8) / 1e6 / received.seconds, cpuPerGigabyte: cpu / (received.bytes / 1e9) };
    } catch (error) {
      if (attempt === ATTEMPTS) {
        throw new Error(`iperf3 ${args.join(' ')}: ${error.stdout || error.message}`, { cause: error });
      }
      await sleep(500);
    }
  }
}

/** Older iperf3 tells of UDP what was sent, and the share that was lost. */
function udpReceived({ bytes, seconds, lost_percent: lostPercent }) {
  return { bytes: bytes * (1 - lostPercent / 100), seconds };
}

/** One TCP stream from the second to the first that lasts until the lab is closed; {@link streamMegabits} tells how fast it is. */
export function startStream(lab) {
  lab.spawn(0, ['iperf3', '-c', TUNNEL_ADDRESSES[1], '-t', '0', '-R']);
}

/** @returns megabits per second that the first end hands to its kernel. */
export async function streamMegabits(lab, seconds) {
  const counter = `/sys/class/net/${deviceName(lab, 0)}/statistics/rx_bytes`;
  const read = async () => ({ at: performance.now(), bytes: Number(await lab.exec(0, 'cat', counter)) });
  const before = await read();
  await sleep(seconds * 1000);
  const after = await read();
  return ((after.bytes - before.bytes) * 8) / 1000 / (after.at - before.at);
}

/** Round trips over an idle tunnel. @returns ms; of so few pings the 99th percentile is the slowest. */
export async function idlePing(lab) {
  const args = ['-n', '-i', String(PING_INTERVAL_SECONDS), '-c', String(PINGS), '-W', '1', TUNNEL_ADDRESSES[1]];
  const text = await lab.exec(0, 'ping', ...args);
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  return { medianMs: median(times), p99Ms: times[Math.ceil(times.length * 0.99) - 1], lost: PINGS - times.length };
}

/** @returns packets that the kernels of both ends found broken: what a tunnel must never make of good ones. */
export async function brokenPackets(lab) {
  let broken = 0;
  for (const side of [0, 1]) {
    const lines = (await lab.exec(side, 'cat', '/proc/net/snmp')).split('\n').map((line) => line.split(' '));
    for (const [i, names] of lines.entries()) {
      for (const name of ['InCsumErrors', 'InHdrErrors']) {
        const value = Number(lines[i + 1]?.[names.indexOf(name)]);
        if (names.includes(name) && Number.isFinite(value)) broken += value;
      }
    }
  }
  return broken;
}
