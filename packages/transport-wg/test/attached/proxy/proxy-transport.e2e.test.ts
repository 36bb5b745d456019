import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { pathKey, sameAddress, socketPath, transportAddress, type TransportPath } from '@wirepath/core/plugin';
import { WireguardGo } from '../../../src/attached/device/wireguard-go.js';
import { UapiClient } from '../../../src/uapi/socket/client.js';
import { WgProgram } from '../../../src/attached/device/wg-program.js';
import { bareSocket, newIdentity, startNode, type TestNode } from '../../embedded/support.js';
import type { DeviceControl } from '../../../src/uapi/device.js';
import { lacking, run, uniqueInterface, until } from '../../uapi/programs.js';
import { answerPings, never, pinged, startProxied, uniqueSubnet, type ProxiedNode } from './proxied.js';

const reason = lacking('wg', 'wireguard-go', 'ip', 'ping');
if (reason) console.log(`skipped: the proxy in front of wireguard-go: ${reason}`);

describe.skipIf(reason)('the proxy in front of wireguard-go', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function nodes(options?: Parameters<typeof startProxied>[2]): Promise<[ProxiedNode, TestNode]> {
    const subnet = uniqueSubnet();
    const proxied = await startProxied(options?.device ?? uniqueInterface(), subnet.device, options);
    cleanups.push(() => proxied.transport.stop());
    const peer = await startNode(subnet.peer);
    cleanups.push(() => peer.transport.stop());
    answerPings(peer);
    return [proxied, peer];
  }

  const known = ({ transport }: ProxiedNode) => transport.stats()[0]!;
  const hasSession = (proxied: ProxiedNode) => () => known(proxied).lastHandshakeMs !== null;

  function introduce(proxied: ProxiedNode, peer: TestNode): void {
    proxied.transport.addPeer({ publicKey: peer.identity.publicKey, allowedIps: [`${peer.ip}/32`] });
    peer.transport.addPeer({ publicKey: proxied.publicKey, allowedIps: [`${proxied.ip}/32`] });
  }

  async function connect(proxied: ProxiedNode, peer: TestNode): Promise<void> {
    introduce(proxied, peer);
    proxied.transport.setPath(peer.identity.publicKey, [proxied.pathTo(peer.address)]);
    peer.transport.setPath(proxied.publicKey, [peer.pathTo(peer, proxied.address.port)]);
    proxied.transport.initiateHandshake(peer.identity.publicKey);
    await until('the session', hasSession(proxied));
  }

  it('shakes hands at once when asked, as initiator (no wait for a keepalive)', async () => {
    const [proxied, peer] = await nodes();
    const handshakes: number[] = [];
    const authenticated: TransportPath[] = [];
    proxied.transport.onHandshake(({ atUnixMs }) => handshakes.push(atUnixMs));
    proxied.transport.onAuthenticated(({ path }) => authenticated.push(path));
    const beganMs = Date.now();
    await connect(proxied, peer);
    expect(Date.now() - beganMs).toBeLessThan(2000);
    expect(handshakes).toHaveLength(1);
    expect(Math.abs(handshakes[0]! - Date.now())).toBeLessThan(5000);
    await until('proof of the path', () => authenticated.length > 0);
    expect(authenticated.map(pathKey)).toContain(pathKey(proxied.pathTo(peer.address)));
    expect(await pinged(peer.ip, 20)).toBe(20);
  });

  it('answers a handshake from an address that nobody announced, however early, and says which path it came on', async () => {
    const [proxied, peer] = await nodes();
    introduce(proxied, peer);
    const authenticated: TransportPath[] = [];
    proxied.transport.onAuthenticated(({ path }) => authenticated.push(path));
    peer.transport.setPath(proxied.publicKey, [peer.pathTo(peer, proxied.address.port)]);
    peer.transport.initiateHandshake(proxied.publicKey);
    await until('the session', hasSession(proxied), 4000);
    expect(sameAddress(authenticated[0]!.remote, peer.address)).toBe(true);
    // It has no path of its own yet: the answer went where the question came from, and nowhere else.
    expect(known(proxied).endpoint).toBeNull();
  });

  it('changes paths unseen by WireGuard, losing nothing', async () => {
    const [proxied, peer] = await nodes();
    await connect(proxied, peer);
    const device = UapiClient.forInterface(proxied.interfaceName);
    const before = (await device.get()).peers[0]!;
    const extra = await proxied.transport.datagrams!.openBase(4, { signal: never });
    const first = proxied.pathTo(peer.address);
    const second = socketPath(extra, peer.address);

    const answers = pinged(peer.ip, 200);
    for (const [ours, port] of [
      [second, extra.port],
      [first, proxied.address.port],
      [second, extra.port],
    ] as const) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      proxied.transport.setPath(peer.identity.publicKey, [ours]);
      peer.transport.setPath(proxied.publicKey, [peer.pathTo(peer, port)]);
    }
    expect(await answers).toBe(200);
    const after = (await device.get()).peers[0]!;
    expect(after.endpoint).toEqual(before.endpoint);
    expect(after.lastHandshake).toEqual(before.lastHandshake);
  });

  it('sends the same ciphertext on several paths, and tells the path that brought the first copy', async () => {
    const [proxied, peer] = await nodes();
    await connect(proxied, peer);
    const tap = await bareSocket();
    cleanups.push(tap.close);
    const copies: Buffer[] = [];
    tap.socket.on('message', (bytes) => copies.push(bytes));
    const first = proxied.pathTo(peer.address);
    proxied.transport.setPath(peer.identity.publicKey, [
      first,
      proxied.pathTo(transportAddress('127.0.0.1', tap.port)),
    ]);
    expect(await pinged(peer.ip, 10)).toBe(10);
    await until('the copies', () => copies.length >= 10);
    expect(copies[0]![0]).toBe(4);
  });

  it('carries relayed paths', async () => {
    const [proxied, peer] = await nodes();
    introduce(proxied, peer);
    const relay = await bareSocket();
    cleanups.push(relay.close);
    const path: TransportPath = {
      kind: 'relayed',
      framing: { kind: 'stream', allocationId: 'r', send: (bytes) => void relay.send(bytes, peer.address.port) },
      remote: transportAddress('192.0.2.1', 9),
    };
    relay.socket.on('message', (bytes) => proxied.transport.datagrams!.receive(path, bytes));
    peer.transport.setPath(proxied.publicKey, [peer.pathTo(peer, relay.port)]);
    const authenticated: TransportPath[] = [];
    proxied.transport.onAuthenticated((event) => authenticated.push(event.path));
    proxied.transport.setPath(peer.identity.publicKey, [path]);
    proxied.transport.initiateHandshake(peer.identity.publicKey);
    await until('the session', hasSession(proxied));
    expect(await pinged(peer.ip, 5)).toBe(5);
    expect(authenticated.map(pathKey)).toContain(pathKey(path));
  });

  it('does not follow `wg set endpoint`, but reports it', async () => {
    const [proxied, peer] = await nodes();
    await connect(proxied, peer);
    const suggested: unknown[] = [];
    proxied.transport.onEndpointSuggested(({ endpoint }) => suggested.push(endpoint));
    const elsewhere = transportAddress('127.0.0.1', 9);
    await run('wg', ['set', proxied.interfaceName, 'peer', peer.identity.publicKey, 'endpoint', '127.0.0.1:9']);
    await until('the report', () => suggested.length > 0, 15_000);
    expect(suggested[0]).toEqual(elsewhere);
    await until('traffic', async () => (await pinged(peer.ip, 3)) === 3);
  });

  it('roams with a plain peer, as WireGuard does', async () => {
    const [proxied, peer] = await nodes();
    introduce(proxied, peer);
    const publicKey = peer.identity.publicKey;
    proxied.transport.addPeer({
      publicKey,
      allowedIps: [`${peer.ip}/32`],
      endpoint: transportAddress('127.0.0.1', 9),
    });
    peer.transport.setPath(proxied.publicKey, [peer.pathTo(peer, proxied.address.port)]);
    peer.transport.initiateHandshake(proxied.publicKey);
    await until('the move', () => sameAddress(known(proxied).endpoint!, peer.address), 4000);
    expect(await pinged(peer.ip, 3)).toBe(3);
  });

  it('starts another handshake at once where the pending one went nowhere', async () => {
    const [proxied, peer] = await nodes();
    introduce(proxied, peer);
    const hole = await bareSocket();
    cleanups.push(hole.close);
    let lost = 0;
    hole.socket.on('message', () => (lost += 1));
    const { transport } = proxied;
    const publicKey = peer.identity.publicKey;
    peer.transport.setPath(proxied.publicKey, [peer.pathTo(peer, proxied.address.port)]);
    transport.setPath(publicKey, [proxied.pathTo(transportAddress('127.0.0.1', hole.port))]);
    transport.initiateHandshake(publicKey);
    await until('the initiation that is lost', () => lost === 1);
    const beganMs = Date.now();
    transport.setPath(publicKey, [proxied.pathTo(peer.address)]);
    transport.initiateHandshake(publicKey, { fresh: true });
    await until('the session', hasSession(proxied));
    // WireGuard alone repeats an initiation after 5 s.
    expect(Date.now() - beganMs).toBeLessThan(2000);
    expect(await pinged(peer.ip, 3)).toBe(3);

    const { lastHandshakeMs } = known(proxied);
    transport.initiateHandshake(publicKey, { fresh: true });
    expect(await pinged(peer.ip, 3)).toBe(3);
    expect(known(proxied).lastHandshakeMs).toBe(lastHandshakeMs);
  });

  it('drops what is nobody’s, whatever it is', async () => {
    const [proxied, peer] = await nodes();
    await connect(proxied, peer);
    const stranger = await bareSocket();
    cleanups.push(stranger.close);
    for (const length of [0, 1, 3, 4, 32, 64, 92, 148, 1500]) {
      for (const type of [0, 1, 2, 3, 4, 255]) {
        const bytes = new Uint8Array(length);
        bytes[0] = type;
        await stranger.send(bytes, proxied.address.port);
      }
    }
    const dropped = (reason: string) => proxied.transport.counters()[`wireguard.${reason}`] ?? 0;
    await until('the drops', () => dropped('unknown-receiver') > 0 && dropped('mac1') > 0);
    expect(await pinged(peer.ip, 3)).toBe(3);
  });

  it('sets a device that was there back to what it was', async () => {
    const interfaceName = uniqueInterface();
    const daemon = new WireguardGo({ interfaceName });
    await daemon.start({ signal: never });
    cleanups.push(() => daemon.stop());
    const device = UapiClient.forInterface(interfaceName);
    const other = 'uwSFS9ZBLk/qSX/rqbDqnVl2ajkBCVI4RPMNFKBYFHo=';
    await device.set({
      privateKey: new Uint8Array(32).fill(0x48),
      replacePeers: false,
      peers: [
        {
          publicKey: other,
          remove: false,
          updateOnly: false,
          replaceAllowedIps: false,
          allowedIps: [{ cidr: '192.0.2.0/24', remove: false }],
          keepaliveSeconds: 7,
        },
      ],
    });
    const before = await device.get();

    const [proxied, peer] = await nodes({ device: interfaceName, listenPort: before.listenPort });
    // The port is ours now, the device's is another.
    expect(proxied.address.port).toBe(before.listenPort);
    expect((await device.get()).listenPort).not.toBe(before.listenPort);
    await connect(proxied, peer);
    proxied.transport.addPeer({ publicKey: other, allowedIps: ['192.0.2.1/32'] });
    await until('the change', async () =>
      (await device.get()).peers.some(({ keepaliveSeconds }) => keepaliveSeconds === 0),
    );
    expect(await pinged(peer.ip, 3)).toBe(3);

    await proxied.transport.stop();
    await proxied.transport.stop();
    expect(await device.get()).toEqual(before);
    const addresses = networkInterfaces()[interfaceName]?.map(({ address }) => address) ?? [];
    expect(addresses).not.toContain(proxied.ip);
  });

  it('takes over a device from a node that was killed, whose session is of no use to it', async () => {
    const interfaceName = uniqueInterface();
    const daemon = new WireguardGo({ interfaceName });
    await daemon.start({ signal: never });
    cleanups.push(() => daemon.stop());
    const device = UapiClient.forInterface(interfaceName);
    let killed = false;
    const control: DeviceControl = {
      get: (options) => device.get(options),
      set: (change, options) => (killed ? Promise.reject(new Error('killed')) : device.set(change, options)),
    };
    const identity = newIdentity();
    const subnet = uniqueSubnet();
    const peer = await startNode(subnet.peer);
    cleanups.push(() => peer.transport.stop());
    answerPings(peer);
    const first = await startProxied(interfaceName, subnet.device, { control }, identity);
    cleanups.push(() => first.transport.stop());
    await connect(first, peer);
    killed = true;
    await first.transport.stop();

    const second = await startProxied(interfaceName, subnet.device, {}, identity);
    cleanups.push(() => second.transport.stop());
    second.transport.addPeer({ publicKey: peer.identity.publicKey, allowedIps: [`${peer.ip}/32`] });
    second.transport.setPath(peer.identity.publicKey, [second.pathTo(peer.address)]);
    peer.transport.setPath(second.publicKey, [peer.pathTo(peer, second.address.port)]);
    // Sooner than the device would find out by itself that nothing comes back: after 15 s.
    await until('an answer', async () => (await pinged(peer.ip, 1)) === 1, 7000);
  });

  it('works through `wg` alone, as with a kernel device', async () => {
    const interfaceName = uniqueInterface();
    const daemon = new WireguardGo({ interfaceName });
    await daemon.start({ signal: never });
    cleanups.push(() => daemon.stop());
    const control = new WgProgram({ interfaceName });
    const [proxied, peer] = await nodes({ device: interfaceName, control, kind: 'kernel' });
    await connect(proxied, peer);
    expect(await pinged(peer.ip, 5)).toBe(5);
    expect(proxied.transport.capabilities).toMatchObject({ handshakeClock: 'epoch', canModifyPeer: true });
  });

  it('says what to do when there is no device', async () => {
    await expect(startProxied(uniqueInterface(), uniqueSubnet().device, {})).rejects.toMatchObject({
      code: 'INTERFACE_NOT_FOUND',
      advice: expect.stringContaining('wireguard-go'),
    });
  });
});
