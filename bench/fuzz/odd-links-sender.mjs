/** Sends hostile datagrams and makes hostile connections, in the namespace that it is started in. argv[2]: what, as JSON. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../lib/random.mjs';

const { seed, count, targets, ports } = JSON.parse(process.argv[2]);
const [nodePort, stunPort, rendezvousPort] = ports;
const random = new Random(seed);
const BATCH = 50;
/** A STUN Binding request without attributes. */
const BINDING = Buffer.from('000100002112a442', 'hex');
const report = { sent: 0, answered: 0, connections: 0 };

const make = [
  () => random.bytes(random.int(4)),
  () => Buffer.of(1),
  () => random.bytes(random.int(200)),
  () => Buffer.concat([BINDING, random.bytes(12)]),
  () => Buffer.concat([Buffer.of(1 + random.int(4), 0, 0, 0), random.bytes(28 + random.int(160))]),
  () => Buffer.concat([Buffer.of(0x40, random.int(256), 0, random.int(64)), random.bytes(random.int(64))]),
  () => Buffer.concat([Buffer.from('000300002112a442', 'hex'), random.bytes(12)]),
];

function visit(host) {
  return new Promise((resolve) => {
    const socket = connect({ host, port: rendezvousPort });
    socket.on('connect', () => {
      report.connections += 1;
      if (random.oneIn(2)) socket.write(random.bytes(1 + random.int(100)));
      setTimeout(() => socket.destroy(), random.int(20));
    });
    // Being cut off is what it is for.
    socket.on('error', () => undefined);
    socket.on('close', resolve);
  });
}

for (const { address, zone } of targets) {
  const host = `${address}%${zone}`;
  const socket = createSocket('udp6');
  socket.on('message', (bytes) => (report.answered += bytes[0] === 1 && bytes[1] === 1 ? 1 : 0));
  socket.on('error', () => undefined);
  const visits = Array.from({ length: 5 }, () => visit(host));
  for (let i = 0; i < count; i += 1) {
    for (const port of [nodePort, stunPort]) {
      socket.send(random.pick(make)(), port, host);
      report.sent += 1;
    }
    if (i % BATCH === BATCH - 1) await sleep(2);
    else await nextTurn();
  }
  await Promise.all(visits);
  await sleep(100);
  socket.close();
}
process.stdout.write(JSON.stringify(report));
