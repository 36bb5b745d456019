import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { accessSync, constants, existsSync, mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/protocol/device.js';
import type { DeviceOptions, PeerConfig } from '../../src/protocol/device-config.js';
import { formatKey, generatePresharedKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';
import type { HandshakeInfo } from '../../src/protocol/sink.js';

/**
 * Our protocol against wireguard-go, over loopback. wireguard-go keeps its UDP socket in this namespace, while its TUN
 * device is moved into a namespace of the test's own, so that inner addresses collide with nothing.
 */

const exec = promisify(execFile);
const unavailable = whyUnavailable();
if (unavailable !== undefined) console.log(`wireguard-go interop is skipped: ${unavailable}`);

const OUR_IP = '10.213.0.2';
const THEIR_IP = '10.213.0.1';

describe.skipIf(unavailable !== undefined)('against wireguard-go', { timeout: 40_000 }, () => {
  let theirs: WireguardGo;
  let ours: Driver;

  beforeEach(async () => {
    theirs = await WireguardGo.start();
    ours = await Driver.start();
  });

  afterEach(async () => {
    ours.close();
    await theirs.stop();
  });

  /** Makes each the other's peer. `endpoint` is whether wireguard-go knows where we are. */
  async function introduce(
    options: { endpoint?: boolean; presharedKey?: Uint8Array; keepaliveSeconds?: number } = {},
  ): Promise<void> {
    const { endpoint = true, presharedKey, keepaliveSeconds } = options;
    ours.addPeer({
      publicKey: theirs.publicKey,
      allowedIps: [`${THEIR_IP}/32`],
      roaming: true,
      paths: [{ socket: ours.sockets[0]!, port: theirs.port }],
      ...(presharedKey === undefined ? {} : { presharedKey }),
    });
    await theirs.addPeer(ours.device.publicKey, {
      presharedKey,
      endpoint: endpoint ? `127.0.0.1:${ours.port}` : undefined,
      keepaliveSeconds,
    });
  }

  it('we initiate: our ping is answered by the kernel behind its TUN', async () => {
    await introduce({ endpoint: false });
    await ours.ping();
    expect(ours.handshakes.map(({ role }) => role)).toEqual(['initiator']);
    expect(await theirs.show('latest-handshakes')).toMatch(/\t[1-9]/);
  });

  it('they initiate: a kernel ping into its TUN is answered by us', async () => {
    await introduce();
    await theirs.ping();
    expect(ours.handshakes.map(({ role }) => role)).toEqual(['responder']);
    await ours.ping();
    expect(ours.handshakes).toHaveLength(1);
  });

  it('a preshared key is mixed in alike', async () => {
    await introduce({ presharedKey: generatePresharedKey() });
    await ours.ping();
    await theirs.ping();
  });

  it('a wrong preshared key opens nothing', async () => {
    await introduce({ presharedKey: generatePresharedKey() });
    ours.device.updatePeer(theirs.publicKey, { presharedKey: generatePresharedKey() }, performance.now());
    ours.initiate();
    await until(() => ours.device.drops.decrypt > 0);
    expect(ours.handshakes).toEqual([]);
  });

  it('rekeys on demand while data flows, and loses none', async () => {
    await introduce();
    await ours.ping();
    for (let round = 0; round < 5; round++) {
      ours.initiate({ force: true });
      for (let i = 0; i < 20; i++) {
        await ours.ping(500);
        await delay(5);
      }
    }
    expect(ours.handshakes.length).toBe(6);
    expect(ours.device.drops.decrypt).toBe(0);
  });

  it('carries packets of every size up to the MTU, padded', async () => {
    await introduce();
    for (let size = 0; size <= 1392; size += 87) await ours.ping(1000, size);
    await theirs.ping(1392);
  });

  it('follows it when its port changes', async () => {
    await introduce();
    await ours.ping();
    await theirs.setPort(await freePort());
    await theirs.ping();
    expect(ours.device.peer(theirs.publicKey)!.paths[0]!.port).toBe(theirs.port);
    await ours.ping();
  });

  it('it follows us to another socket', async () => {
    await introduce();
    await ours.ping();
    const socket = await ours.openSocket();
    ours.device.setPaths(theirs.publicKey, [{ socket, port: theirs.port }], performance.now());
    await ours.ping();
    expect(await theirs.show('endpoints')).toContain(`127.0.0.1:${socket.address().port}`);
  });

  it('the same ciphertext on two paths arrives once', async () => {
    await introduce();
    await ours.ping();
    const socket = await ours.openSocket();
    const paths = [...ours.device.peer(theirs.publicKey)!.paths, { socket, port: theirs.port }];
    ours.device.updatePeer(theirs.publicKey, { paths, roaming: false }, performance.now());
    const before = ours.echoReplies;
    for (let i = 0; i < 10; i++) await ours.ping();
    expect(ours.echoReplies).toBe(before + 10);
  });

  it('keepalives pass both ways', async () => {
    await introduce({ keepaliveSeconds: 1 });
    await until(() => ours.keepalives >= 2);
    // Whatever arrives puts our own keepalive off, so theirs must end first.
    await theirs.setKeepalive(ours.device.publicKey, 0);
    const received = await theirs.received();
    ours.setKeepalive(1);
    await until(async () => (await theirs.received()) >= received + 2 * 32);
  });

  it.each(['response first', 'initiation first'] as const)('crossing initiations, %s', async (order) => {
    await introduce();
    ours.holdIncoming = true;
    // Theirs: wireguard-go asks for us; its initiation is kept back here.
    const ping = theirs.ping();
    await until(() => ours.held.some(isType(1)));
    // Ours goes out although theirs is on its way, and wireguard-go forgets its own over it.
    ours.initiate();
    await until(() => ours.held.some(isType(2)));
    ours.release(order === 'response first' ? (first, second) => second.type - first.type : undefined);
    await ping;
    await ours.ping();
    // The session was there at once: nobody had to repeat an initiation.
    expect(ours.device.peer(theirs.publicKey)!.counters.initiationsSent).toBe(1);
  });

  it('it honours our cookie when we are under load', async () => {
    ours.close();
    ours = await Driver.start({ underLoadHandshakesPerSecond: 0 });
    await introduce();
    // Its first initiation is answered with a cookie; its second, after REKEY_TIMEOUT, carries mac2.
    await theirs.ping(56, 15);
    expect(ours.device.drops.cookie).toBe(1);
    expect(ours.handshakes.map(({ role }) => role)).toEqual(['responder']);
  });

  it('we honour its cookie when it is under load', async () => {
    await introduce();
    // Keep its handshake queue full with an initiation that costs it a DH each.
    ours.record = true;
    ours.initiate();
    await until(() => ours.handshakes.length === 1);
    const initiation = ours.recorded.find(({ datagram }) => datagram[0] === 1)!.datagram;
    const flooder = await ours.openSocket({ silent: true });
    // The next initiation carries mac2, and is answered while others are still asked for cookies.
    await until(async () => {
      for (let i = 0; i < 3000; i++) flooder.send(initiation, theirs.port, '127.0.0.1');
      ours.initiate({ force: true });
      await delay(60);
      return ours.recorded.some(({ datagram }) => hasMac2(datagram) && ours.answered.has(senderIndex(datagram)));
    });
    expect(ours.cookieReplies).toBeGreaterThan(0);
    await ours.ping();
  });
});

const hasMac2 = (datagram: Uint8Array) => datagram[0] === 1 && datagram.subarray(-16).some((byte) => byte !== 0);
const senderIndex = (datagram: Uint8Array) => Buffer.from(datagram).readUInt32LE(4);

interface Path {
  readonly socket: Socket;
  readonly port: number;
}

interface Held {
  readonly type: number;
  readonly datagram: Uint8Array;
  readonly from: Path;
}

const isType = (type: number) => (held: Held) => held.type === type;

/** Our device on loopback sockets and real time; it answers pings, and can ping. */
class Driver {
  readonly sockets: Socket[] = [];
  readonly handshakes: HandshakeInfo<Path>[] = [];
  /** What we sent, while `record` is on. */
  readonly recorded: { datagram: Uint8Array }[] = [];
  record = false;
  /** Sender indices of our initiations that were answered. */
  readonly answered = new Set<number>();
  keepalives = 0;
  cookieReplies = 0;
  echoReplies = 0;
  holdIncoming = false;
  held: Held[] = [];
  device!: Device<Path>;
  #timer: NodeJS.Timeout | undefined;
  #sequence = 0;
  readonly #ponged = new Set<number>();
  #peer = '';

  static async start(options: Partial<DeviceOptions<Path>> = {}): Promise<Driver> {
    const driver = new Driver();
    await driver.openSocket();
    driver.device = new Device<Path>({
      privateKey: generatePrivateKey(),
      samePath: (a, b) => a.socket === b.socket && a.port === b.port,
      sourceBytes: ({ port }) => Uint8Array.of(127, 0, 0, 1, port >> 8, port & 255),
      ...options,
      sink: {
        send: (datagram, paths) => {
          if (driver.record) driver.recorded.push({ datagram: Uint8Array.from(datagram) });
          for (const { socket, port } of paths) socket.send(datagram, port, '127.0.0.1');
        },
        reply: (datagram, { socket, port }) => socket.send(datagram, port, '127.0.0.1'),
        deliver: (packet) => driver.#onPacket(packet),
        onHandshake: (_peer, info) => driver.handshakes.push(info),
        onAuthenticated: (_peer, _from, kind) => {
          if (kind === 'keepalive') driver.keepalives++;
        },
        onSent: () => undefined,
        onPathWanted: () => undefined,
      },
    });
    return driver;
  }

  get port(): number {
    return this.sockets[0]!.address().port;
  }

  async openSocket(options: { silent?: boolean } = {}): Promise<Socket> {
    const socket = createSocket('udp4');
    socket.on('message', (datagram: Buffer, { port }: RemoteInfo) => {
      if (options.silent !== true) this.#onDatagram(datagram, { socket, port });
    });
    this.sockets.push(socket);
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket;
  }

  addPeer(config: PeerConfig<Path>): void {
    this.#peer = config.publicKey;
    this.device.addPeer(config, performance.now());
    this.#arm();
  }

  initiate(options: { force?: boolean } = {}): void {
    this.device.initiateHandshake(this.#peer, performance.now(), options);
    this.#arm();
  }

  setKeepalive(seconds: number): void {
    this.device.updatePeer(this.#peer, { persistentKeepaliveSeconds: seconds }, performance.now());
    this.#arm();
  }

  /** Sends an echo request through the tunnel until it is answered. */
  async ping(timeoutMs = 5000, size = 56): Promise<void> {
    const sequence = ++this.#sequence;
    this.device.handlePacket(echoRequest(OUR_IP, THEIR_IP, sequence, size), performance.now());
    this.#arm();
    await until(() => this.#ponged.has(sequence), timeoutMs);
  }

  /** Lets go of what was kept back, in order of arrival or as `compare` says. */
  release(compare?: (first: Held, second: Held) => number): void {
    this.holdIncoming = false;
    const held = compare === undefined ? this.held : [...this.held].sort(compare);
    this.held = [];
    for (const { datagram, from } of held) this.#onDatagram(datagram, from);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const socket of this.sockets.splice(0)) socket.close();
  }

  #onDatagram(datagram: Uint8Array, from: Path): void {
    if (this.holdIncoming) {
      this.held.push({ type: datagram[0] ?? 0, datagram: Uint8Array.from(datagram), from });
      return;
    }
    if (datagram[0] === 3) this.cookieReplies++;
    if (datagram[0] === 2) this.answered.add(Buffer.from(datagram).readUInt32LE(8));
    this.device.handleDatagram(datagram, from, performance.now());
    this.#arm();
  }

  #onPacket(packet: Uint8Array): void {
    const type = packet[20];
    if (packet[9] !== 1) return;
    if (type === 0) {
      this.echoReplies++;
      this.#ponged.add(((packet[26] ?? 0) << 8) | (packet[27] ?? 0));
    } else if (type === 8) {
      this.device.handlePacket(echoReply(packet), performance.now());
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.device.nextTimeout();
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.device.handleTimeout(performance.now());
        this.#arm();
      },
      Math.max(1, next - performance.now()),
    );
  }
}

let instances = 0;

/** A wireguard-go process with its TUN device in a namespace of its own. */
class WireguardGo {
  readonly publicKey: string;
  port = 0;
  readonly #name = `wpt${process.pid % 100_000}x${instances++}`;
  readonly #privateKey = generatePrivateKey();
  readonly #folder = mkdtempSync(join(tmpdir(), 'wireguard-go-'));
  #secrets = 0;
  #process: ChildProcess | undefined;

  private constructor() {
    this.publicKey = formatKey(publicKeyOf(this.#privateKey));
  }

  static async start(): Promise<WireguardGo> {
    const instance = new WireguardGo();
    try {
      await instance.#start();
    } catch (error) {
      await instance.stop();
      throw error;
    }
    return instance;
  }

  async #start(): Promise<void> {
    const name = this.#name;
    this.#process = spawn('wireguard-go', ['-f', name], { stdio: 'ignore' });
    await until(() => existsSync(`/var/run/wireguard/${name}.sock`));
    await exec('ip', ['netns', 'add', name]);
    await exec('ip', ['link', 'set', name, 'netns', name]);
    await exec('ip', ['-n', name, 'addr', 'add', `${THEIR_IP}/24`, 'dev', name]);
    await exec('ip', ['-n', name, 'link', 'set', 'dev', name, 'mtu', '1420', 'up']);
    await this.#wg(['private-key', await this.#secretFile(this.#privateKey)]);
    await this.setPort(await freePort());
  }

  async setPort(port: number): Promise<void> {
    this.port = port;
    await this.#wg(['listen-port', String(port)]);
  }

  async addPeer(
    publicKey: string,
    options: {
      presharedKey: Uint8Array | undefined;
      endpoint: string | undefined;
      keepaliveSeconds: number | undefined;
    },
  ): Promise<void> {
    const { presharedKey, endpoint, keepaliveSeconds } = options;
    const args = ['peer', publicKey, 'allowed-ips', `${OUR_IP}/32`];
    if (endpoint !== undefined) args.push('endpoint', endpoint);
    if (keepaliveSeconds !== undefined) args.push('persistent-keepalive', String(keepaliveSeconds));
    if (presharedKey !== undefined) args.push('preshared-key', await this.#secretFile(presharedKey));
    await this.#wg(args);
  }

  async setKeepalive(publicKey: string, seconds: number): Promise<void> {
    await this.#wg(['peer', publicKey, 'persistent-keepalive', String(seconds)]);
  }

  /** A kernel ping from behind the TUN to us; resolves when it is answered. */
  async ping(size = 56, deadlineSeconds = 10): Promise<void> {
    const args = ['netns', 'exec', this.#name, 'ping', '-c', '1', '-i', '0.2', '-w', String(deadlineSeconds)];
    await exec('ip', [...args, '-s', String(size), OUR_IP]);
  }

  async show(what: string): Promise<string> {
    return (await exec('wg', ['show', this.#name, what])).stdout;
  }

  /** Bytes received, as it counts them. */
  async received(): Promise<number> {
    return Number((await this.show('transfer')).split(/\s+/)[1]);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child !== undefined && child.exitCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([exited, delay(3000)]);
      if (child.exitCode === null) child.kill('SIGKILL');
    }
    await exec('ip', ['netns', 'del', this.#name]).catch(() => {
      // It was never made, when the start failed early.
    });
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #wg(args: string[]): Promise<void> {
    await exec('wg', ['set', this.#name, ...args]);
  }

  /** `wg` takes secrets from files only. */
  async #secretFile(key: Uint8Array): Promise<string> {
    const file = join(this.#folder, `${this.#secrets++}.key`);
    await writeFile(file, formatKey(key), { mode: 0o600 });
    return file;
  }
}

function whyUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'no /dev/net/tun';
  }
  for (const [program, args] of [
    ['wireguard-go', ['--version']],
    ['wg', ['--version']],
    ['ping', ['-V']],
    ['ip', ['netns', 'list']],
  ] as const) {
    try {
      execFileSync(program, args, { stdio: 'ignore' });
    } catch {
      return `${program} is not here or does not run`;
    }
  }
  return undefined;
}

async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('timed out');
    await delay(5);
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '0.0.0.0', resolve));
  const { port } = socket.address();
  socket.close();
  return port;
}

function echoRequest(source: string, destination: string, sequence: number, size: number): Uint8Array {
  const packet = Buffer.alloc(28 + size, 0x61);
  packet.fill(0, 0, 28);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 1;
  packet.set(source.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  packet[20] = 8;
  packet.writeUInt16BE(sequence, 26);
  return withChecksums(packet);
}

function echoReply(request: Uint8Array): Uint8Array {
  const packet = Buffer.from(request);
  packet.set(request.subarray(12, 16), 16);
  packet.set(request.subarray(16, 20), 12);
  packet[20] = 0;
  return withChecksums(packet);
}

function withChecksums(packet: Buffer): Buffer {
  packet.writeUInt16BE(0, 10);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet.writeUInt16BE(0, 22);
  packet.writeUInt16BE(checksum(packet.subarray(20)), 22);
  return packet;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
