/* global AbortController */
/** Two nodes in this process over loopback, without devices or rights: how many inner packets pass from one to the other. */
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BenchNetwork, untilConnected } from './bench-network.mjs';
import { udpPacket } from './inner-packet.mjs';
import { median } from './median.mjs';
import { member, rcFile } from './members.mjs';

/** Inner packets of 1388 bytes, below every MTU in use. */
const PAYLOAD_BYTES = 1360;
const WINDOW_PACKETS = 64;
const STALL_MS = 50;

/** @returns megabits per second of inner packets that arrived, the median of the rounds. */
export async function inProcessMegabits(rounds, seconds) {
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
    const results = [];
    for (let round = 0; round < rounds; round += 1) {
      results.push(await pour(nodes[0].packets, nodes[1].packets, a.address, b.address, seconds));
    }
    return median(results);
  } finally {
    await network.close();
  }
}

async function pour(from, to, source, destination, seconds) {
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
