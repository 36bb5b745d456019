import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generatePresharedKey } from '../../src/protocol/keys.js';
import { Driver, isType } from './device-driver.js';
import { until } from './until.js';
import { freePort, THEIR_IP, whyUnavailable, WireguardGo } from './wireguard-go-process.js';

/**
 * Our protocol against wireguard-go, over loopback. wireguard-go keeps its UDP socket in this namespace, while its TUN
 * device is moved into a namespace of the test's own, so that inner addresses collide with nothing.
 */

const unavailable = whyUnavailable();
if (unavailable !== undefined) console.log(`wireguard-go interop is skipped: ${unavailable}`);

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
