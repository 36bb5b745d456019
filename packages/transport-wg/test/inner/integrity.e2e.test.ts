import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endBoth, newEnds, reasonToSkip, type NodeProcess, type TwoNamespaces } from './namespaces.js';
import { whyUnavailable } from '../protocol/wireguard-go-process.js';
import { sendDatagrams } from './datagrams.js';
import { crossed, startTransfer } from './transfer.js';
import { startWireguardGo } from './wireguard-go.js';

const SIZE_BYTES = 60_000_000;
const reason = reasonToSkip();
if (reason) console.log(`skipped: bytes through a tunnel, in network namespaces: ${reason}`);

const withoutOther = reason ?? whyUnavailable();
if (!reason && withoutOther) console.log(`skipped: bytes to and from wireguard-go: ${withoutOther}`);

describe.skipIf(reason)('what goes through a tunnel', () => {
  let lab: TwoNamespaces;
  let a: NodeProcess;
  let b: NodeProcess;
  const ifA = `wpi${process.pid % 100_000}`;
  const ifB = `wpj${process.pid % 100_000}`;

  beforeEach(() => {
    ({ lab, a, b } = newEnds());
  });

  afterEach(() => endBoth({ lab, a, b }, [ifA, ifB]));

  /** By `InCsumErrors` and the like, of /proc/net/snmp and snmp6; only those that are not 0. */
  function errors(namespace: string): string[] {
    const lines = lab.in(namespace, 'sh', '-c', 'cat /proc/net/snmp /proc/net/snmp6').split('\n');
    const pairs = lines.flatMap((line, i) => {
      const values = lines[i + 1]?.split(/\s+/) ?? [];
      const names = line.split(/\s+/);
      if (!names[0]?.endsWith(':')) return [[names[0] ?? '', names[1] ?? '']];
      return values[0] === names[0] ? names.map((name, at) => [`${names[0]}${name}`, values[at] ?? '']) : [];
    });
    return pairs.filter(([name = '']) => /(InCsumErrors|InHdrErrors)$/.test(name)).map((pair) => pair.join(' '));
  }

  /** A tunnel of ours on both sides. */
  async function join(ipA: string, ipB: string, net: number, host: number): Promise<void> {
    a.start(lab.a, {
      interfaceName: ifA,
      address: `${ipA}/${net}`,
      options: { listenPort: 51820 },
      peers: [{ publicKey: b.publicKey, allowedIps: [`${ipB}/${host}`], endpoint: ['10.1.0.2', 51821] }],
    });
    b.start(lab.b, {
      interfaceName: ifB,
      address: `${ipB}/${net}`,
      options: { listenPort: 51821 },
      peers: [{ publicKey: a.publicKey, allowedIps: [`${ipA}/${host}`], endpoint: ['10.1.0.1', 51820] }],
    });
    await Promise.all([a.event('started'), b.event('started')]);
    expect(lab.pings(lab.a, ipB)).toBe(true);
  }

  it.each([
    ['IPv4', '10.77.0.1', '10.77.0.2', 24, 32],
    ['IPv6', 'fd77::1', 'fd77::2', 64, 128],
  ])('arrives byte by byte, in both directions at once, with jumbo pings: %s', async (_what, ipA, ipB, net, host) => {
    await join(ipA, ipB, net, host);
    const transfer = await startTransfer(lab, ipB, SIZE_BYTES);
    const { sent, received, receivedBytes } = crossed(await transfer.ends);
    expect(receivedBytes).toEqual([SIZE_BYTES, SIZE_BYTES]);
    expect(received).toEqual(sent);
    const pings = lab.in(lab.a, 'ping', '-c', '20', '-i', '0.02', '-w', '10', '-s', '8000', ipB);
    expect(pings).toContain('20 received');
    for (const counted of [errors(lab.a), errors(lab.b)]) {
      expect(counted).toContain('Tcp:InCsumErrors 0');
      expect(counted).toContain('Ip:InHdrErrors 0');
      expect(counted).toContain('Ip6InHdrErrors 0');
      expect(counted.filter((line) => !line.endsWith(' 0'))).toEqual([]);
    }
  });

  it.skipIf(withoutOther).each([
    ['IPv4 over IPv4', '10.77.0.1', '10.77.0.2', 24, 32, 4],
    ['IPv6 over IPv4', 'fd77::1', 'fd77::2', 64, 128, 4],
    ['IPv4 over IPv6', '10.77.0.1', '10.77.0.2', 24, 32, 6],
    ['IPv6 over IPv6', 'fd77::1', 'fd77::2', 64, 128, 6],
  ] as const)('arrives byte by byte to and from wireguard-go: %s', async (_what, ipA, ipB, net, host, outer) => {
    const [hostA, hostB] = outer === 4 ? ['10.1.0.1', '10.1.0.2'] : ['fd01::1', 'fd01::2'];
    const other = startWireguardGo(lab, lab.b, ifB);
    try {
      a.start(lab.a, {
        interfaceName: ifA,
        address: `${ipA}/${net}`,
        options: { listenPort: 51820 },
        peers: [{ publicKey: other.publicKey, allowedIps: [`${ipB}/${host}`], endpoint: [hostB, 51821] }],
      });
      await a.event('started');
      await other.configure(51821, `${ipB}/${net}`, {
        publicKey: a.publicKey,
        allowedIps: `${ipA}/${host}`,
        endpoint: outer === 4 ? `${hostA}:51820` : `[${hostA}]:51820`,
      });
      expect(lab.pings(lab.a, ipB)).toBe(true);
      const transfer = await startTransfer(lab, ipB, SIZE_BYTES);
      const { sent, received, receivedBytes } = crossed(await transfer.ends);
      expect(receivedBytes).toEqual([SIZE_BYTES, SIZE_BYTES]);
      expect(received).toEqual(sent);
      for (const counted of [errors(lab.a), errors(lab.b)])
        expect(counted.filter((line) => !line.endsWith(' 0'))).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  it.each([
    ['that UDP_SEGMENT splits', 'gso', { 1200: 380, 333: 20 }],
    ['of all sizes, in bursts', 'unequal', undefined],
    ['without a UDP checksum', 'unsummed', { 1000: 400 }],
    ['in fragments', 'fragments', { 8000: 80 }],
  ] as const)('carries datagrams %s, each whole', async (_what, way, sizes) => {
    const [ipA, ipB] = ['10.77.0.1', '10.77.0.2'];
    await join(ipA, ipB, 24, 32);
    const got = await sendDatagrams(lab, ipB, way);
    expect(got.broken).toBe(0);
    const total = Object.values(got.sizes).reduce((sum, count) => sum + count, 0);
    if (sizes !== undefined) expect(got.sizes).toEqual(sizes);
    expect(total).toBe(way === 'unequal' ? 800 : Object.values(sizes ?? {}).reduce((sum, count) => sum + count, 0));
    for (const counted of [errors(lab.a), errors(lab.b)])
      expect(counted.filter((line) => !line.endsWith(' 0'))).toEqual([]);
  });
});
