import { expect, it } from 'vitest';
import { poll, WirepathNode, type Lab } from '../src/index.js';
import { describeInLab, labForTest } from './lab-for-test.js';
import { echo, PlainPeer, TUNNEL_ADDRESS } from './plain-peer.js';

const SECOND = '203.0.113.201';
const THIRD = '203.0.113.202';
const SECOND6 = '2001:db8:113::201';
const PORT = 51820;

/** A firewall that lets in only what answers: where A answers from another address than was asked, nothing comes of it. */
const STATEFUL = `
table inet stateful {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "eth0" udp dport ${PORT} ct state != established drop
  }
}`;

/** A on the internet; at B a wireguard-go device behind a stateful firewall that has one of A's addresses as its endpoint. */
async function askingAt(endpoint: string, { ipv6 = false } = {}, before?: (lab: Lab) => Promise<void>) {
  const lab = await labForTest({ a: 'none', b: 'none' }, { ipv6 });
  await before?.(lab);
  await lab.exec('b', ['nft', '-f', '-'], { input: STATEFUL });
  const plain = new PlainPeer(lab);
  const a = new WirepathNode(lab, 'a', { number: 1, rc: { rendezvousUrl: undefined } });
  // A place where nobody is: it learns where its peer is when that calls.
  const nowhere = '203.0.113.250:9';
  await a.configure([
    { name: 'plain', publicKey: plain.keys.publicKey, allowedIps: [`${TUNNEL_ADDRESS}/32`], endpoint: nowhere },
  ]);
  await plain.start(a);
  a.start();
  await a.daemon.logged(/node is up/);
  const call = (address: string) => plain.set('peer', a.keys.publicKey, 'endpoint', `${address}:${PORT}`);
  if (endpoint !== '') await call(endpoint);
  return { lab, a, plain, call };
}

async function ip(lab: Lab, host: string, ...commands: string[]): Promise<void> {
  await lab.exec(host, ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** Where wireguard-go sends to. */
async function endpointAt(lab: Lab, plain: PlainPeer): Promise<string> {
  const text = await lab.exec('b', ['wg', 'show', plain.interfaceName, 'endpoints']);
  return text.trim().split('\t')[1] ?? '';
}

describeInLab(
  'a host with several addresses',
  () => {
    it('answers a plain peer from the one that it asked', async () => {
      const second = (lab: Lab) => ip(lab, 'a', `addr add ${SECOND}/32 dev eth0`);
      const { lab, a, plain } = await askingAt(SECOND, {}, second);
      await echo(lab, 'b', a.address);
      await echo(lab, 'a', TUNNEL_ADDRESS);
      expect(await endpointAt(lab, plain)).toBe(`${SECOND}:${PORT}`);
    });

    it('over IPv6 too', async () => {
      const second = (lab: Lab) => ip(lab, 'a', `addr add ${SECOND6}/64 dev eth0 nodad preferred_lft 0`);
      const { lab, a, plain } = await askingAt(`[${SECOND6}]`, { ipv6: true }, second);
      await echo(lab, 'b', a.address);
      expect(await endpointAt(lab, plain)).toBe(`[${SECOND6}]:${PORT}`);
    });

    it('answers from one that came later, and from the others when one has gone', async () => {
      const { lab, a, plain, call } = await askingAt('');
      await ip(lab, 'a', `addr add ${SECOND}/32 dev eth0`, `addr add ${THIRD}/32 dev eth0`);
      await call(SECOND);
      await echo(lab, 'b', a.address);
      await ip(lab, 'a', `addr del ${SECOND}/32 dev eth0`);
      await call(THIRD);
      await echo(lab, 'b', a.address);
      expect(await endpointAt(lab, plain)).toBe(`${THIRD}:${PORT}`);
    });

    it('whose first address is replaced goes on from the second', async () => {
      const second = (lab: Lab) => ip(lab, 'a', `addr add ${SECOND}/32 dev eth0`);
      const { lab, a, plain } = await askingAt(SECOND, {}, second);
      await echo(lab, 'b', a.address);
      const { address, gateway } = lab.host('a');
      await ip(
        lab,
        'a',
        `addr del ${address}/24 dev eth0`,
        `addr add ${THIRD}/24 dev eth0`,
        `route replace default via ${gateway} dev eth0`,
      );
      await echo(lab, 'a', TUNNEL_ADDRESS);
      await echo(lab, 'b', a.address);
      expect(await endpointAt(lab, plain)).toBe(`${SECOND}:${PORT}`);
    });
  },
  ['wireguard-go', 'wg'],
);

/** Over which A has an address of its own, and whose router drops what comes from another. */
async function addSecondUplink(lab: Lab): Promise<void> {
  const [a, inet] = [lab.namespace('a'), lab.namespace('inet')];
  await ip(lab, 'a', `link add eth1 netns ${a} type veth peer name a-up2 netns ${inet}`);
  await ip(lab, 'inet', 'link set a-up2 master br0', 'link set a-up2 up');
  await lab.exec('inet', ['nft', '-f', '-'], {
    input: `
table netdev uplinks {
  chain first { type filter hook ingress device "a" priority 0; ip saddr ${SECOND} drop; }
  chain second { type filter hook ingress device "a-up2" priority 0; ip saddr != { ${SECOND}, 0.0.0.0 } ether type ip drop; }
}`,
  });
  // Each interface answers for its own address only, as two networks would have it.
  await lab.exec('a', [
    'sh',
    '-ec',
    'for i in all eth0 eth1; do echo 1 >/proc/sys/net/ipv4/conf/$i/arp_ignore; echo 2 >/proc/sys/net/ipv4/conf/$i/arp_announce; echo 2 >/proc/sys/net/ipv4/conf/$i/rp_filter; done',
  ]);
  await ip(
    lab,
    'a',
    `addr add ${SECOND}/24 dev eth1 noprefixroute`,
    'link set eth1 up',
    `rule add from ${SECOND} table 100 priority 100`,
    `route add default via ${lab.host('a').gateway} dev eth1 onlink table 100`,
  );
}

describeInLab(
  'a host with two uplinks',
  () => {
    it('answers over the one that was asked, also when the other one is replaced meanwhile', async () => {
      const { lab, a, plain } = await askingAt(SECOND, {}, addSecondUplink);
      await echo(lab, 'b', a.address);
      const { gateway } = lab.host('a');
      await ip(lab, 'a', `route replace default via ${gateway} dev eth0 src ${lab.host('a').address} metric 7`);
      await ip(lab, 'a', `route del default via ${gateway} dev eth0 metric 0`);
      await echo(lab, 'a', TUNNEL_ADDRESS);
      await echo(lab, 'b', a.address);
      expect(await endpointAt(lab, plain)).toBe(`${SECOND}:${PORT}`);
    });

    it('does not stay with an address whose uplink has lost its way', async () => {
      const { lab, a, plain, call } = await askingAt('', {}, addSecondUplink);
      await lab.exec('b', ['nft', 'delete', 'table', 'inet', 'stateful']);
      const { address, gateway } = lab.host('a');
      await call(address);
      await echo(lab, 'b', a.address);
      expect(await endpointAt(lab, plain)).toBe(`${address}:${PORT}`);
      // The address stays on its interface: only the way is gone.
      await ip(
        lab,
        'a',
        `route add default via ${gateway} dev eth1 onlink src ${SECOND} metric 500`,
        `route del default via ${gateway} dev eth0`,
        'route del 203.0.113.0/24 dev eth0',
      );
      await echo(lab, 'a', TUNNEL_ADDRESS);
      await poll(async () => ((await endpointAt(lab, plain)) === `${SECOND}:${PORT}` ? true : undefined), {
        what: 'the peer to be called from the other address',
        timeoutMs: 10_000,
      });
    });
  },
  ['wireguard-go', 'wg'],
);
