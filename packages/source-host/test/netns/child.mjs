// Runs inside a network namespace, on the built package: `node child.mjs COMMAND ARGUMENTS`. Prints JSON lines.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { openSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { performance } from 'node:perf_hooks';
import plugin, { SystemEgress } from '../../dist/index.js';

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;

const print = (value) => console.log(JSON.stringify(value));
const line = (level) => (message, fields) => print({ event: 'log', level, message, fields });
const logger = { trace() {}, debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
logger.child = () => logger;
const clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
const node = { interfaceName: 'wp0', addresses: ['10.77.0.1/24'], mtu: 1420 };
const contribute = () => plugin.create({ logger, clock, node }, { interfaces: {}, loopback: false, maxCandidates: 16 });
const openFiles = () => readdirSync('/proc/self/fd').length;
const codeOf = (act) => {
  try {
    act();
    return 'ok';
  } catch (error) {
    return error.code ?? String(error);
  }
};

const commands = {
  async detect() {
    print(await new SystemEgress({ logger, clock, node }).detect());
  },

  async interfaces() {
    print(Object.keys(networkInterfaces()));
  },

  async gather() {
    const bases = [
      { id: 'v4', family: 4, port: 51820, shared: true },
      { id: 'v6', family: 6, port: 51820, shared: true },
    ];
    const { candidateSource } = await contribute();
    const found = [];
    const signal = { aborted: false };
    for await (const candidate of candidateSource.gather({ signal, datagrams: { bases } })) found.push(candidate);
    print(found.map(({ address }) => address.ip));
  },

  /** Until stdin ends; then everything is disposed of, and the process must end by itself. */
  async watch() {
    // The first pin and the first watch load the library; what they leave open is there for good.
    new SystemEgress({ logger, clock, node }).watch(() => {})[Symbol.dispose]();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = openFiles();
    const { egress, candidateSource } = await contribute();
    const watches = [
      egress.watch(() => print({ event: 'network', atMs: Date.now() })),
      candidateSource.watch(() => print({ event: 'candidates', atMs: Date.now() })),
    ];
    print({ event: 'watching' });
    process.stdin.resume();
    await once(process.stdin, 'end');
    for (const watch of watches) watch[Symbol.dispose]();
    // Node closes descriptors in the next turn of its loop.
    await new Promise((resolve) => setTimeout(resolve, 50));
    print({ event: 'disposed', leaked: openFiles() - before });
  },

  /** Opens a TUN device, as a mesh does, until stdin ends: without a reader it would not be running. */
  async mesh(interfaceName) {
    const koffi = createRequire(import.meta.url)('koffi');
    const ioctl = koffi.load(null).func('int ioctl(int fd, unsigned long request, uint8_t *value)');
    const request = Buffer.alloc(40);
    request.write(interfaceName);
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI, 16);
    const result = ioctl(openSync('/dev/net/tun', 'r+'), TUNSETIFF, request);
    print({ event: result === 0 ? 'open' : 'refused' });
    process.stdin.resume();
    await once(process.stdin, 'end');
  },

  /** Nobody disposes, and the process must end all the same. */
  async forget() {
    new SystemEgress({ logger, clock, node }).watch(() => {});
  },

  async pin(...interfaceNames) {
    const egress = new SystemEgress({ logger, clock, node });
    const socket = createSocket('udp4').bind(0, '0.0.0.0');
    await once(socket, 'listening');
    if (interfaceNames[0] === 'unprivileged') {
      interfaceNames.shift();
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
    }
    print(interfaceNames.map((name) => codeOf(() => egress.bindToDevice(socket, name))));
    socket.close();
  },

  /** What a socket gets of the datagrams that come over `lo` when it is pinned to each of these in turn. */
  async receive(address, ...interfaceNames) {
    const egress = new SystemEgress({ logger, clock, node });
    const sender = createSocket('udp4');
    const arrived = [];
    for (const name of interfaceNames) {
      const receiver = createSocket('udp4').bind(0, '0.0.0.0');
      await once(receiver, 'listening');
      egress.bindToDevice(receiver, name);
      receiver.on('message', () => arrived.push(name));
      receiver.unref();
      sender.send(name, receiver.address().port, address);
    }
    // Delivery within one machine is in order, so the last one's arrival, or the deadline, is the end.
    const deadlineMs = performance.now() + 2000;
    while (!arrived.includes(interfaceNames.at(-1)) && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    sender.close();
    print(arrived);
  },

  /** Pins a TCP socket before its first packet leaves. */
  async connect(address, interfaceName) {
    const egress = new SystemEgress({ logger, clock, node });
    const server = createServer((socket) => socket.end()).listen(0, address);
    await once(server, 'listening');
    const socket = connect({ host: address, port: server.address().port, localAddress: '0.0.0.0', timeout: 300 });
    socket.once('connectionAttempt', () => egress.bindToDevice(socket, interfaceName));
    const outcome = await Promise.race(
      ['connect', 'timeout', 'error'].map((event) => once(socket, event).then(() => event, String)),
    );
    socket.destroy();
    server.close();
    print(outcome);
  },

  /** Does not read while more happens than a netlink socket holds, and must hear of what happens afterwards. */
  async overrun(interfaceName) {
    let calls = 0;
    let lost = false;
    const noting = { ...logger, debug: (message) => (lost ||= message.startsWith('netlink socket lost')) };
    const watch = new SystemEgress({ logger: noting, clock, node }).watch(() => calls++);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const addresses = Array.from({ length: 2000 }, (_, n) => `10.200.${n >> 8}.${n & 255}/32 dev ${interfaceName}`);
    const batch = ['add', 'del'].flatMap((verb) => addresses.map((address) => `address ${verb} ${address}\n`));
    execFileSync('ip', ['-batch', '-'], { input: batch.join('') });
    const reopenedMs = performance.now() + 2000;
    while (performance.now() < reopenedMs) await new Promise((resolve) => setTimeout(resolve, 50));
    calls = 0;
    execFileSync('ip', ['address', 'add', '10.201.0.1/32', 'dev', interfaceName]);
    const deadlineMs = performance.now() + 1000;
    while (calls === 0 && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 5));
    watch[Symbol.dispose]();
    print({ event: 'overrun', lost, calls });
  },
};

const [name, ...args] = process.argv.slice(2);
await commands[name](...args);
