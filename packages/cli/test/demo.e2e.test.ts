import { formatKey, generatePrivateKey } from '@wirepath/core';
import type { NatDependence } from '@wirepath/core/plugin';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { behindNats } from '../src/demo/behind-nats.js';
import { DemoNetwork } from '../src/demo/demo-network.js';
import { loopbackAddresses, ONE_ADDRESS, udpPort } from '../src/demo/loopback.js';
import { NatBox } from '../src/demo/nat/nat-box.js';
import { natPlugin } from '../src/demo/nat/nat-plugin.js';
import { runScenarios, SCENARIOS } from '../src/demo/run-scenarios.js';
import type { ScenarioResult } from '../src/demo/scenario.js';
import { wirepath } from '../src/product.js';

const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));

let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wirepath-demo-test-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

function start(...args: string[]) {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder, TMPDIR: folder };
  const started = spawn(process.execPath, [BIN, 'demo', ...args], { env, cwd: folder });
  child = started;
  const running = { out: '', err: '', ended: false };
  started.stdout.on('data', (text) => (running.out += String(text)));
  started.stderr.on('data', (text) => (running.err += String(text)));
  const exited = new Promise<number | null>((resolve) =>
    started.on('close', (code) => {
      running.ended = true;
      resolve(code);
    }),
  );
  return Object.assign(running, {
    exited,
    interrupt: () => started.kill('SIGINT'),
    stopReading: () => started.stdout.destroy(),
  });
}

const until = (condition: () => unknown): Promise<unknown> =>
  expect.poll(condition, { timeout: 30_000, interval: 20 }).toBeTruthy();

function expectMeasured(results: readonly ScenarioResult[]): void {
  for (const result of results) {
    expect(result).toMatchObject({ ok: true });
    if (!result.ok) continue;
    const { connection, peers, echo, throughput, firstEcho, timeToConnectMs } = result;
    expect(peers.map((peer) => peer.connection)).toEqual([connection, connection]);
    expect(echo.aToB.received + echo.bToA.received).toBeGreaterThan(10);
    expect(throughput.bytes).toBeGreaterThan(100_000);
    expect(firstEcho.afterMs).toBeGreaterThan(0);
    expect(timeToConnectMs).toBeLessThan(10_000);
  }
}

function succeeded(results: readonly ScenarioResult[], connection: string) {
  const result = results.find((one) => one.connection === connection);
  if (result?.ok !== true) throw new Error(`not ${connection}`);
  return result;
}

const ipOf = (endpoint: string | null) => endpoint?.split(':')[0];

describe('wirepath demo', () => {
  it('--json: connects by every connection type, with real traffic, as one document, and leaves nothing behind', async () => {
    const demo = start('--json');
    expect(await demo.exited, demo.err).toBe(0);
    const { ok, scenarios } = JSON.parse(demo.out) as { ok: boolean; scenarios: ScenarioResult[] };
    expect(ok).toBe(true);
    expect(scenarios.map(({ connection }) => connection)).toEqual(['direct', 'hole-punched', 'relayed']);
    expectMeasured(scenarios);

    const { natA, natB, server } = await loopbackAddresses();
    const punched = succeeded(scenarios, 'hole-punched').peers;
    // Each sends to the other's NAT, and to nobody in between.
    expect(punched.map(({ endpoint }) => ipOf(endpoint))).toEqual([natB, natA]);
    expect(punched.map(({ relay }) => relay)).toEqual([null, null]);
    const relays = succeeded(scenarios, 'relayed').peers.map(({ relay }) => relay ?? '');
    // One relay hop: one node uses its own relay, the other sends to the address relayed for it.
    expect(relays.filter((relay) => relay.startsWith('turn:'))).toHaveLength(1);
    expect(relays.every((relay) => relay.includes(server))).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  it('shows a table, and what goes on meanwhile', async () => {
    const demo = start();
    expect(await demo.exited, demo.err).toBe(0);
    expect(demo.err).toBe('');
    for (const { connection, setting } of SCENARIOS) {
      expect(demo.out).toMatch(new RegExp(`^${connection}: connecting$`, 'm'));
      expect(demo.out).toMatch(new RegExp(`^${connection} .* ms .*bit/s +${setting}$`, 'm'));
    }
  });

  it.each(['direct: connecting', 'hole-punched: connecting', 'relayed: throughput'])(
    'ends on Ctrl-C at "%s" and cleans up',
    async (step) => {
      const demo = start();
      await until(() => demo.out.includes(step) || demo.ended);
      expect(demo, 'still running').toMatchObject({ ended: false, err: '' });
      demo.interrupt();
      expect(await demo.exited).toBe(130);
      expect(demo.err).toBe('');
      expect(await readdir(folder)).toEqual([]);
    },
  );
});

const alternate = (await loopbackAddresses()).alternate;
const skipped = alternate === undefined ? ' (skipped: this system has no loopback address but 127.0.0.1)' : '';

it('leaves nothing behind where whoever reads it goes away, as `| head` does', async () => {
  const demo = start();
  await until(() => demo.out !== '');
  demo.stopReading();
  expect(await demo.exited).toBe(0);
  expect(demo.err).toBe('');
  expect(await readdir(folder)).toEqual([]);
});

describe('the simulated NAT, judged by a node behind it', () => {
  it.skipIf(skipped !== '').each<[NatDependence, NatDependence]>([
    ['endpoint-independent', 'address-and-port-dependent'],
    ['endpoint-independent', 'endpoint-independent'],
    ['address-and-port-dependent', 'address-and-port-dependent'],
  ])(`has %s mapping and %s filtering${skipped}`, async (mapping, filtering) => {
    const { signal } = new AbortController();
    await using network = new DemoNetwork(wirepath);
    const ports = { listen: await udpPort('127.0.0.1'), alternate: await udpPort(alternate!) };
    const stun = { listen: `127.0.0.1:${ports.listen}`, alternate: `${alternate!}:${ports.alternate}` };
    await network.startServers({ stun }, signal);
    const box = new NatBox({ outsideIp: '127.0.1.1', insideIp: '192.168.1.10', nat: { mapping, filtering } });
    network.onClose(() => box.close());
    const node = await network.createNode(
      {
        privateKey: formatKey(generatePrivateKey()),
        addresses: ['10.77.0.1/24'],
        plugins: ['nat', ['@wirepath/source-stun', { servers: [stun.listen] }]],
      },
      { nat: async () => natPlugin('nat', box) },
    );
    const { reflexive, ...found } = await node.netcheck({ signal });
    expect(found).toMatchObject({ udp: true, mapping, filtering });
    expect(reflexive.map(ipOf)).toEqual(['127.0.1.1']);
  });
});

describe('scenarios in one process', () => {
  const run = (scenarios: typeof SCENARIOS) =>
    runScenarios(wirepath, scenarios, { signal: new AbortController().signal, step: () => undefined });
  /** Handles that keep a process alive. */
  const sockets = () => process.getActiveResourcesInfo().filter((name) => /UDP|TCP/.test(name)).length;

  it('behind NATs need no address but 127.0.0.1, which is all that macOS has, and close every socket', async () => {
    const before = sockets();
    const addresses = () => Promise.resolve(ONE_ADDRESS);
    const setting = 'all on one address';
    const results = await run([
      behindNats('hole-punched', {
        setting,
        nat: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
        addresses,
      }),
      behindNats('relayed', {
        setting,
        nat: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
        addresses,
      }),
    ]);
    expectMeasured(results);
    await until(() => sockets() <= before);
  });

  it('a scenario that fails is a result, and the next one runs', async () => {
    const failing = { ...SCENARIOS[0]!, run: () => Promise.reject(new Error('no luck')) };
    const [first, second] = await run([failing, SCENARIOS[0]!]);
    expect(first).toMatchObject({ ok: false, error: expect.stringContaining('no luck') });
    expectMeasured([second!]);
  });
});
