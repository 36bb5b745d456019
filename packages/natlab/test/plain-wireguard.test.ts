import { expect, it } from 'vitest';
import { WirepathNode, type Lab } from '../src/index.js';
import { describeInLab, labForTest } from './lab-for-test.js';
import { echo, PlainPeer, TUNNEL_ADDRESS } from './plain-peer.js';

async function connected(): Promise<{ lab: Lab; a: WirepathNode; plain: PlainPeer }> {
  const lab = await labForTest({ a: 'none', b: 'none' });
  const plain = new PlainPeer(lab);
  const a = new WirepathNode(lab, 'a', { number: 1, rc: { rendezvousUrl: undefined } });
  const endpoint = `${lab.site('b').publicAddress}:51820`;
  await a.configure([
    { name: 'plain', publicKey: plain.keys.publicKey, allowedIps: [`${TUNNEL_ADDRESS}/32`], endpoint },
  ]);
  await plain.start(a);
  a.start();
  await a.daemon.logged(/node is up/);
  return { lab, a, plain };
}

describeInLab(
  'a plain WireGuard peer',
  () => {
    it('that is wireguard-go answers, and is followed to another port', async () => {
      const { lab, a, plain } = await connected();
      await echo(lab, 'a', TUNNEL_ADDRESS);
      await echo(lab, 'b', a.address);
      expect((await a.status()).peers).toMatchObject([{ name: 'plain', connection: 'direct' }]);

      await plain.set('listen-port', '52000');
      await echo(lab, 'b', a.address);
      await echo(lab, 'a', TUNNEL_ADDRESS);
      const { peers } = await a.status();
      expect(peers).toMatchObject([{ connection: 'direct', endpoint: `${lab.site('b').publicAddress}:52000` }]);
    });

    it('is what `wg show` prints of our own device', async () => {
      const { lab, a, plain } = await connected();
      await echo(lab, 'a', TUNNEL_ADDRESS);
      const endpoint = `${lab.site('b').publicAddress}:51820`;

      const dump = await lab.exec('a', ['wg', 'show', a.interfaceName, 'dump']);
      const [device = [], peer = []] = dump
        .trim()
        .split('\n')
        .map((line) => line.split('\t'));
      expect(device.slice(1, 3)).toEqual([a.keys.publicKey, '51820']);
      const [publicKey, presharedKey, seenEndpoint, allowedIps, handshake, received, sent] = peer;
      expect([publicKey, presharedKey]).toEqual([plain.keys.publicKey, '(none)']);
      expect([seenEndpoint, allowedIps]).toEqual([endpoint, `${TUNNEL_ADDRESS}/32`]);
      expect(Math.abs(Number(handshake) - Date.now() / 1000)).toBeLessThan(30);
      expect(Number(received)).toBeGreaterThan(0);
      expect(Number(sent)).toBeGreaterThan(0);

      const shown = await lab.exec('a', ['wg', 'show', a.interfaceName]);
      for (const text of [
        `peer: ${plain.keys.publicKey}`,
        `endpoint: ${endpoint}`,
        'latest handshake: ',
        'transfer: ',
      ]) {
        expect(shown).toContain(text);
      }
    });
  },
  ['wireguard-go', 'wg'],
);
