import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { WirepathNode, WirepathServer, type ProgramResult } from '../src/index.js';
import { describeInLab, labForTest } from './lab-for-test.js';

/** One line on stderr that begins with the product's name, and says what is wrong and what to do. */
function expectRefusal({ code, stderr }: ProgramResult, says: RegExp): void {
  expect(stderr).toMatch(/^wirepath: [^\n]+\n$/);
  expect(stderr).toMatch(says);
  expect(code).toBe(1);
}

async function loneNode() {
  const lab = await labForTest({ a: 'none' });
  const node = new WirepathNode(lab, 'a', { number: 1 });
  await node.configure([]);
  return { lab, node };
}

const HOLD_PORT = `const s=require('dgram').createSocket('udp4');s.bind(51820,()=>console.log('ready'))`;

describeInLab('up refuses, in one line that says what to do,', () => {
  it('a second node on one rc file, and the first goes on', async () => {
    const { node } = await loneNode();
    await node.start().logged(/node is up/);
    expectRefusal(await node.tryUp(), /already.*stop/i);
    expect((await node.status()).node.interface).toBe(node.interfaceName);
  });

  it('to run without the right to make an interface', async () => {
    const { lab, node } = await loneNode();
    const result = await node.tryUp(['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']);
    expectRefusal(result, /CAP_NET_ADMIN|root/);
    expect(
      existsSync(`${lab.folder}/run/wirepath`) && (await lab.exec('a', ['ip', 'link'])).includes(node.interfaceName),
    ).toBe(false);
  });

  it('a port that is taken', async () => {
    const { lab, node } = await loneNode();
    await lab.spawn('a', 'holder', [process.execPath, '-e', HOLD_PORT]).logged(/ready/);
    expectRefusal(await node.tryUp(), /51820.*in use.*(another port|listenPort)/i);
  });

  it('an interface name that is taken', async () => {
    const { lab, node } = await loneNode();
    await lab.exec('a', ['ip', 'link', 'add', node.interfaceName, 'type', 'bridge']);
    expectRefusal(await node.tryUp(), new RegExp(`${node.interfaceName}.*(another|remove)`, 'i'));
    expect(await lab.exec('a', ['ip', 'link'])).toContain(node.interfaceName);
  });

  it('the key of another node that runs on this machine', async () => {
    const { lab, node } = await loneNode();
    await node.start().logged(/node is up/);
    const twin = new WirepathNode(lab, 'a', {
      number: 2,
      keys: node.keys,
      name: 'twin',
      rc: { interfaceName: lab.interfaceName('a2'), listenPort: 51821 },
    });
    await twin.configure([]);
    expectRefusal(await twin.tryUp(), /key/);
    expect((await node.status()).node.publicKey).toBe(node.keys.publicKey);
  });

  it('an address of the server that is taken', async () => {
    const lab = await labForTest({ a: 'none' });
    const server = await WirepathServer.prepare(lab);
    const hold = `require('net').createServer().listen(7000, '203.0.113.10', () => console.log('ready'))`;
    await lab.spawn('srv', 'holder', [process.execPath, '-e', hold]).logged(/ready/);
    expectRefusal(await lab.tryExec('srv', server.command(), { timeoutMs: 15_000 }), /203\.0\.113\.10:7000.*in use/i);
  });
});
