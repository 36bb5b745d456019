import { expect, it } from 'vitest';
import { SERVER_ADDRESSES, type Firewall, type Lab } from '../src/index.js';
import { CA_FILE, inspectHttps, proxyOnly, SERVER_TLS } from './firewalled-site.js';
import { describeInLab, labForTest } from './lab-for-test.js';

const SERVER = `
const fs = require('fs');
const say = (socket) => socket.on('error', () => {}).end('served');
const files = { cert: fs.readFileSync('${SERVER_TLS.certFile}'), key: fs.readFileSync('${SERVER_TLS.keyFile}') };
const udp = require('dgram').createSocket('udp4');
udp.on('message', (_, { port, address }) => udp.send('served', port, address));
require('net').createServer(say).listen(80);
require('tls').createServer({ ...files, ALPNProtocols: ['http/1.1', 'stun.turn'] }, say).listen(443);
udp.bind(3478, () => console.log('ready'));`;

const [HOST] = SERVER_ADDRESSES;
const END = `.on('data', () => process.exit(0)).on('error', () => process.exit(1)); setTimeout(() => process.exit(2), 1500)`;
const UDP = `const s = require('dgram').createSocket('udp4'); s.on('message', () => process.exit(0)); s.send('?', 3478, '${HOST}'); setTimeout(() => process.exit(2), 1500)`;
const tcp = (port: number) => `require('net').connect(${port}, '${HOST}')${END}`;
const tls = (...protocols: string[]) =>
  `require('tls').connect({ host: '${HOST}', port: 443, ca: require('fs').readFileSync('${CA_FILE}'), ALPNProtocols: ${JSON.stringify(protocols)} })${END}`;

async function servedLab(): Promise<Lab> {
  const lab = await labForTest({ a: 'portcone' });
  await lab.spawn('srv', 'server', [process.execPath, '-e', SERVER]).logged(/ready/);
  return lab;
}

/** 0: served, 1: reset, 2: nothing came. */
async function codes(lab: Lab, programs: readonly string[]): Promise<(number | null)[]> {
  const run = async (program: string) => (await lab.tryExec('a', [process.execPath, '-e', program])).code;
  return Promise.all(programs.map(run));
}

describeInLab('the firewall of a site', () => {
  it.each<[Firewall, { udp: number; tcp: number; tls: number }]>([
    ['open', { udp: 0, tcp: 0, tls: 0 }],
    ['no-udp', { udp: 2, tcp: 0, tls: 0 }],
    ['https-only', { udp: 2, tcp: 1, tls: 0 }],
    ['proxy-only', { udp: 2, tcp: 1, tls: 1 }],
  ])('%s', async (firewall, expected) => {
    const lab = await servedLab();
    await lab.setFirewall('a', firewall);
    expect(await codes(lab, [UDP, tcp(80), tls('stun.turn')])).toEqual([expected.udp, expected.tcp, expected.tls]);
    await lab.setFirewall('a', 'open');
    expect(await codes(lab, [UDP, tcp(80), tls('stun.turn')])).toEqual([0, 0, 0]);
  });

  it('inspected-https: resets all but TLS that offers a protocol of the web', async () => {
    const lab = await servedLab();
    await inspectHttps(lab, 'a');
    const programs = [UDP, tcp(80), tcp(443), tls('stun.turn'), tls('http/1.1'), tls('stun.turn', 'http/1.1')];
    // What speaks no TLS says nothing here, so that it is not looked at yet.
    expect(await codes(lab, programs)).toEqual([2, 1, 2, 1, 0, 0]);
  });
});

describeInLab(
  'a site with a proxy alone',
  () => {
    it('is let out by it', async () => {
      const lab = await servedLab();
      const { hostname, port } = new URL(await proxyOnly(lab, 'a'));
      const ask = `const s = require('net').connect(${port}, '${hostname}', () => s.write('CONNECT ${HOST}:443 HTTP/1.1\\r\\n\\r\\n'));
        s.on('data', (text) => process.exit(/^HTTP.1.. 200/.test(text) ? 0 : 1))`;
      expect(await codes(lab, [ask, tls('http/1.1')])).toEqual([0, 1]);
    });
  },
  ['tinyproxy'],
);
