import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { socketPath, transportAddress, type Base, type TransportAddress } from '@wirepath/core/plugin';
import { NativeTransport } from '../../../src/attached/native/native-transport.js';
import { UapiClient } from '../../../src/uapi/socket/client.js';
import {
  bareSocket,
  newIdentity,
  recordingLogger,
  startNode,
  systemClock,
  type TestNode,
  testGuard,
} from '../../embedded/support.js';
import { lacking, uniqueInterface, until } from '../../uapi/programs.js';
import { answerPings, answerUdp, never, pinged, uniqueSubnet } from '../proxy/proxied.js';

const reason = lacking('wireguard-go', 'ip', 'ping');
if (reason) console.log(`skipped: wireguard-go with its own port: ${reason}`);

const TRIAL = { timeoutMs: 3000, signal: never };
const SHORT_TRIAL = { timeoutMs: 700, signal: never };

describe.skipIf(reason)('a device with its own port (wireguard-go)', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let transport: NativeTransport;
  let device: UapiClient;
  let publicKey: string;
  let ip: string;
  let peer: TestNode;
  /** Where the peer can be reached; the second is another socket of its own. */
  let first: TransportAddress;
  let second: TransportAddress;
  let hole: TransportAddress;
  let intoHole: number;

  beforeEach(async () => {
    const interfaceName = uniqueInterface();
    const subnet = uniqueSubnet();
    const identity = newIdentity();
    ({ publicKey } = identity);
    ip = subnet.device;
    transport = new NativeTransport(
      {
        logger: recordingLogger(),
        guard: testGuard(),
        clock: systemClock,
        identity,
        node: { interfaceName, addresses: [`${ip}/24`], mtu: 1420 },
      },
      { command: 'wireguard-go' },
    );
    cleanups.push(() => transport.stop());
    await transport.listen({ signal: never });
    await transport.start({ signal: never });
    device = UapiClient.forInterface(interfaceName);

    peer = await startNode(subnet.peer);
    cleanups.push(() => peer.transport.stop());
    answerPings(peer);
    answerUdp(peer);
    first = peer.address;
    const extra = await peer.transport.datagrams!.openBase(4, { signal: never });
    second = transportAddress('127.0.0.1', extra.port);
    peer.transport.addPeer({ publicKey, allowedIps: [`${ip}/32`] });
    const shared = peer.transport.datagrams!.bases.find(({ family, shared: isShared }) => family === 4 && isShared)!;
    sendFrom(shared);
    // It answers from where it was asked last.
    peer.transport.onAuthenticated(({ path }) => peer.transport.setPath(publicKey, [path]));

    transport.addPeer({ publicKey: peer.identity.publicKey, allowedIps: [`${peer.ip}/32`] });
    const silent = await bareSocket();
    cleanups.push(silent.close);
    hole = transportAddress('127.0.0.1', silent.port);
    intoHole = 0;
    silent.socket.on('message', () => (intoHole += 1));
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const tryEndpoint = (remote: TransportAddress, options = TRIAL) =>
    transport.tryEndpoint(peer.identity.publicKey, remote, options);
  const state = async () => (await device.get()).peers[0]!;
  function sendFrom(base: Base): void {
    peer.transport.setPath(publicKey, [socketPath(base, transportAddress('127.0.0.1', transport.listenPort!))]);
  }

  it('takes a handshake as proof before the first session, started at once', async () => {
    const handshakes: number[] = [];
    transport.onHandshake(({ atUnixMs }) => handshakes.push(atUnixMs));
    const beganMs = Date.now();
    expect(await tryEndpoint(first)).toBe(true);
    expect(Date.now() - beganMs).toBeLessThan(1500);
    expect((await state()).endpoint).toEqual(first);
    expect(await pinged(peer.ip, 3)).toBeGreaterThan(0);
    await until('the report', () => handshakes.length === 1);
  });

  it('gives up without proof before the first session, and tries the next at once', async () => {
    expect(await tryEndpoint(hole, SHORT_TRIAL)).toBe(false);
    expect(intoHole).toBeGreaterThan(0);
    expect((await state()).endpoint).toBeUndefined();
    const beganMs = Date.now();
    expect(await tryEndpoint(first)).toBe(true);
    // Not held up by the 5 s that WireGuard leaves between initiations.
    expect(Date.now() - beganMs).toBeLessThan(1500);
  });

  describe('with a session', () => {
    beforeEach(async () => {
      expect(await tryEndpoint(first)).toBe(true);
    });

    it('sees success though no handshake is due for two minutes', async () => {
      const before = await state();
      expect(await tryEndpoint(second)).toBe(true);
      const after = await state();
      expect(after.endpoint).toEqual(second);
      expect(after.lastHandshake).toEqual(before.lastHandshake);
      expect(await pinged(peer.ip, 3)).toBe(3);
    });

    it('restores the old endpoint where there is no proof, and traffic flows', async () => {
      expect(await tryEndpoint(hole, SHORT_TRIAL)).toBe(false);
      expect(intoHole).toBeGreaterThan(0);
      expect((await state()).endpoint).toEqual(first);
      expect(await pinged(peer.ip, 5)).toBe(5);
    });

    it('takes neither an earlier handshake nor traffic from the old path as proof', async () => {
      const shared = peer.transport.datagrams!.bases.find(({ family, shared: isShared }) => family === 4 && isShared)!;
      const chatter = setInterval(() => {
        sendFrom(shared);
        peer.transport.initiateHandshake(publicKey);
        peer.transport.packets!.send(innerPacket(peer.ip, ip));
      }, 20);
      const before = (await state()).rxBytes;
      try {
        expect(await tryEndpoint(hole, SHORT_TRIAL)).toBe(false);
      } finally {
        clearInterval(chatter);
      }
      const after = await state();
      expect(after.rxBytes).toBeGreaterThan(before);
      expect(after.endpoint).toEqual(first);
    });

    it('restores on abort', async () => {
      const abort = new AbortController();
      const trial = tryEndpoint(hole, { timeoutMs: 60_000, signal: abort.signal });
      await until('the move', async () => (await state()).endpoint!.port === hole.port);
      abort.abort();
      expect(await trial).toBe(false);
      expect((await state()).endpoint).toEqual(first);
    });

    it('leaves the endpoint to whoever decides meanwhile', async () => {
      const trial = tryEndpoint(hole, { timeoutMs: 60_000, signal: never });
      await until('the move', async () => (await state()).endpoint!.port === hole.port);
      transport.setPath(peer.identity.publicKey, [
        { kind: 'socket', base: { id: 'x', family: 4, port: 0, shared: true }, remote: hole },
      ]);
      expect(await trial).toBe(false);
      expect((await state()).endpoint).toEqual(hole);
    });

    it('reports authentic traffic with the endpoint that it came from', async () => {
      const heard: TransportAddress[] = [];
      transport.onAuthenticated(({ path }) => heard.push(path.remote));
      await pinged(peer.ip, 200);
      await until('the report', () => heard.length > 0);
      expect(heard[0]).toEqual(first);
    });
  });

  it('says what it is', () => {
    expect(transport.capabilities).toMatchObject({ ownsSocket: false, multiplePaths: false, relayedPaths: false });
    expect(transport.datagrams).toBeUndefined();
    expect(transport.listenPort).toBeGreaterThan(0);
  });

  it('knows no other peers', async () => {
    await expect(transport.tryEndpoint(publicKey, first, TRIAL)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
  });
});

/** An inner packet that asks nobody for anything. */
function innerPacket(source: string, destination: string): Uint8Array {
  const packet = Buffer.alloc(28);
  packet[0] = 0x45;
  packet.writeUInt16BE(28, 2);
  packet[8] = 64;
  packet[9] = 253;
  packet.set(source.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  return packet;
}
