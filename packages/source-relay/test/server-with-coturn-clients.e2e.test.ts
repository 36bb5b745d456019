import { afterAll, describe, expect, it } from 'vitest';
import { StunTurnServer, type StunTurnServerOptions } from '../src/index.js';
import { missing, run } from './coturn.js';
import { freeUdpPort } from './free-udp-port.js';
import { testNeeds } from './needs.js';
import { fixture } from './stream-front.js';

const noUclient = missing('turnutils_uclient');
const noStunclient = missing('turnutils_stunclient');
const noDiscovery = missing('turnutils_natdiscovery');
for (const reason of [noUclient, noStunclient, noDiscovery])
  if (reason !== undefined) console.log(`server with coturn: ${reason}`);

const servers: StunTurnServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
});

async function start(options: StunTurnServerOptions) {
  const server = new StunTurnServer(testNeeds(), options);
  await server.start({ signal: new AbortController().signal });
  servers.push(server);
  return server;
}

const credentials = ['-u', 'lab', '-w', 'secret'];

/** Client to client through two allocations each; `-s` is Send indications, `-c` leaves out EVEN-PORT and its pair. */
const uclientRuns: readonly { name: string; ip: string; args: readonly string[]; messages: number }[] = [
  { name: 'channels', ip: '127.0.0.1', args: ['-y', '-n', '50', '-z', '5'], messages: 200 },
  { name: 'channels, no RTCP', ip: '127.0.0.1', args: ['-y', '-c', '-n', '50', '-z', '5'], messages: 100 },
  { name: 'Send indications', ip: '127.0.0.1', args: ['-y', '-s', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'large messages', ip: '127.0.0.1', args: ['-y', '-l', '1400', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'extra requests', ip: '127.0.0.1', args: ['-y', '-G', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'DONT-FRAGMENT', ip: '127.0.0.1', args: ['-y', '-g', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'eight allocations', ip: '127.0.0.1', args: ['-y', '-m', '8', '-n', '20', '-z', '5'], messages: 160 },
  { name: 'IPv6', ip: '::1', args: ['-y', '-x', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'TCP', ip: '127.0.0.1', args: ['-t', '-y', '-n', '50', '-z', '5'], messages: 200 },
  { name: 'TCP, Send indications', ip: '127.0.0.1', args: ['-t', '-y', '-s', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'TCP, odd lengths', ip: '127.0.0.1', args: ['-t', '-y', '-l', '1401', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'TLS', ip: '127.0.0.1', args: ['-t', '-S', '-y', '-n', '50', '-z', '5'], messages: 200 },
  {
    name: 'TLS, Send indications',
    ip: '127.0.0.1',
    args: ['-t', '-S', '-y', '-s', '-n', '30', '-z', '5'],
    messages: 120,
  },
  { name: 'TLS, IPv6', ip: '::1', args: ['-t', '-S', '-y', '-x', '-n', '30', '-z', '5'], messages: 120 },
  { name: 'TCP, IPv6', ip: '::1', args: ['-t', '-y', '-x', '-n', '30', '-z', '5'], messages: 120 },
];

// Side by side: each run waits some 5 s for itself.
describe.skipIf(noUclient).concurrent('embedded TURN server with turnutils_uclient', () => {
  it.each(uclientRuns)('loses nothing: $name', async ({ ip, args, messages }) => {
    const [port, tlsPort] = [await freeUdpPort(ip), await freeUdpPort(ip)];
    const at = (one: number) => (ip.includes(':') ? `[${ip}]:${one}` : `${ip}:${one}`);
    const certificate = { certFile: fixture('test-only-server.crt'), keyFile: fixture('test-only-server.key') };
    const server = await start({
      turn: {
        listen: at(port),
        tls: { listen: at(tlsPort), ...certificate },
        realm: 'lab',
        users: { lab: 'secret' },
        allowPeers: ['127.0.0.0/8', '::1'],
      },
    });
    const { output } = await run(
      'turnutils_uclient',
      [...credentials, '-p', String(args.includes('-S') ? tlsPort : port), ...args, ip],
      50_000,
    );
    expect(output).toContain(`tot_send_msgs=${messages}, tot_recv_msgs=${messages}`);
    expect(output).toContain('Total lost packets 0 (0.000000%)');
    expect(server.status()).toMatchObject({ drops: {} });
  });
});

describe.skipIf(noStunclient)('embedded STUN server with turnutils_stunclient', () => {
  it('answers from all four sockets (RFC 5780)', async () => {
    const [port, otherPort] = [await freeUdpPort('127.0.0.1'), await freeUdpPort('127.0.0.2')];
    await start({ stun: { listen: `127.0.0.1:${port}`, alternate: `127.0.0.2:${otherPort}` } });
    const { output } = await run('turnutils_stunclient', ['-f', '-p', String(port), '127.0.0.1'], 20_000);
    expect(output).toContain(`Response origin: : 127.0.0.1:${port}`);
    expect(output).toContain(`Response origin: : 127.0.0.2:${otherPort}`);
    expect(output).toContain(`Other addr: : 127.0.0.2:${otherPort}`);
    expect(output.match(/RFC 5780 response/g)).toHaveLength(3);
  });

  it('answers plain Binding requests without an alternate address', async () => {
    const port = await freeUdpPort('::1');
    await start({ stun: { listen: `[::1]:${port}` } });
    const { output } = await run('turnutils_stunclient', ['-p', String(port), '::1'], 20_000);
    expect(output).toMatch(/UDP reflexive addr: ::1:\d+/);
  });
});

describe.skipIf(noDiscovery)('embedded STUN server with turnutils_natdiscovery', () => {
  it('has it find out mapping and filtering (RFC 5780)', async () => {
    const [port, otherPort] = [await freeUdpPort('127.0.0.1'), await freeUdpPort('127.0.0.2')];
    await start({ stun: { listen: `127.0.0.1:${port}`, alternate: `127.0.0.2:${otherPort}` } });
    const { output } = await run('turnutils_natdiscovery', ['-m', '-f', '-p', String(port), '127.0.0.1'], 30_000);
    expect(output).toContain('Endpoint Independent Mapping');
    expect(output).toContain('Endpoint Independent Filtering');
    expect(output.match(/RFC 5780 response/g)).toHaveLength(4);
  });
});
