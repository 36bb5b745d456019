import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Ping, WirepathNode, type Daemon, type Lab } from '../src/index.js';
import { RELAY_USER } from '../src/wirepath/rc-file.js';
import { wirepath } from '../src/wirepath/command.js';
import { describeInLab, labForTest } from './lab-for-test.js';
import { NameServer } from './name-server.js';

const DNS = '203.0.113.12';
const STUB = '127.0.0.53';
const [FIRST, SECOND] = ['203.0.113.10', '203.0.113.11'];
/** Names of the servers are retried at most every 30 s. */
const COMES_BACK_MS = 45_000;

const RC = {
  rendezvousUrl: 'wss://rv.lab:7000',
  stunServers: ['stun.lab:3478'],
  relayUrls: ['turn:relay.lab:3478'],
};

/** Servers known by name alone, a DNS server for them, and hosts that go by it. */
class NamedServers {
  #server: Daemon | undefined;
  #runs = 0;

  readonly dns: NameServer;

  constructor(readonly lab: Lab) {
    this.dns = new NameServer(lab, 'srv', DNS);
  }

  get caFile(): string {
    return join(this.lab.folder, 'ca.crt');
  }

  async prepare(): Promise<void> {
    const { lab } = this;
    const key = join(lab.folder, 'rv.key');
    const subject = ['-subj', '/CN=rv.lab', '-addext', 'subjectAltName=DNS:rv.lab'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    await lab.exec('srv', ['openssl', 'req', '-x509', ...curve, ...subject, '-keyout', key, '-out', this.caFile]);
  }

  /** Both servers, at this address, which DNS gives from now on. */
  async serveAt(address: string): Promise<void> {
    const { lab } = this;
    await this.#server?.stop('SIGKILL');
    await this.dns.set({ 'rv.lab': [address], 'stun.lab': [address], 'relay.lab': [address] });
    const { username, credential } = RELAY_USER;
    const server = {
      rendezvous: {
        listen: `${address}:7001`,
        tls: { listen: `${address}:7000`, certFile: './ca.crt', keyFile: './rv.key' },
      },
      turn: { listen: `${address}:3478`, realm: 'lab', users: { [username]: credential } },
      stun: { listen: `${address}:3478` },
    };
    const rcFile = join(lab.folder, 'server.json');
    await writeFile(rcFile, JSON.stringify({ server }), { mode: 0o600 });
    this.#server = lab.spawn('srv', `server-${++this.#runs}`, wirepath('serve', '--config', rcFile));
    await this.#server.logged(/server is up/);
  }

  async node(host: string, number: number): Promise<WirepathNode> {
    return new WirepathNode(this.lab, host, { number, rc: RC });
  }

  /** Its rc file, with the authority that signed the server's certificate. */
  async configure(node: WirepathNode, ...peers: Parameters<WirepathNode['configure']>): Promise<void> {
    await node.configure(...peers);
    const { readFile } = await import('node:fs/promises');
    const text = await readFile(node.rcFile, 'utf8');
    await writeFile(node.rcFile, text.replace(/("url": "wss:[^"]*")/, '$1, "caFile": "./ca.crt"'), { mode: 0o600 });
  }

  /** A node on a host whose systemd-resolved says that there is this server behind its stub. */
  startBehindStub(node: WirepathNode): Daemon {
    const script = `mount -t tmpfs none /run && mkdir -p /run/systemd/resolve &&
      echo "nameserver ${DNS}" > /run/systemd/resolve/resolv.conf && exec "$@"`;
    return this.lab.spawn(node.host, node.name, ['sh', '-c', script, 'sh', ...node.command()]);
  }
}

async function pairWith(allowedIps: readonly string[]) {
  const lab = await labForTest({ a: 'portcone', b: 'none' });
  const servers = new NamedServers(lab);
  await servers.prepare();
  const [a, b] = [await servers.node('a', 1), await servers.node('b', 2)];
  await servers.configure(a, [b.asPeer({ allowedIps })]);
  await servers.configure(b, [a.asPeer()]);
  await lab.resolveNamesBy('b', DNS);
  return { lab, servers, a, b };
}

async function echo(lab: Lab, address: string, timeoutMs = 20_000): Promise<void> {
  const ping = Ping.start(lab, 'a', address);
  await ping.firstReply({ timeoutMs });
  await ping.stop();
}

const isUp = (list: readonly { readonly state: string }[]) =>
  list.length > 0 && list.every(({ state }) => state === 'up');

describeInLab(
  'servers by name, with a tunnel that takes everything',
  () => {
    it('a node that starts before DNS answers comes up when it does, and finds servers again that have moved', async () => {
      const { lab, servers, a, b } = await pairWith(['0.0.0.0/0']);
      await lab.resolveNamesBy('a', STUB);
      await servers.dns.startStub('a', STUB);
      await servers.serveAt(FIRST ?? '');
      const daemon = servers.startBehindStub(a);
      b.start();
      await daemon.logged(/node is up/);
      // What the stub asks goes into the tunnel, which leads nowhere yet; so would all of ours without their mark.
      expect(await lab.exec('a', ['ip', 'route', 'get', DNS])).toContain(`dev ${a.interfaceName}`);
      const { node } = await a.until('the problem', (status) =>
        /stun\.lab does not resolve/.test(status.node.problems.join('\n')),
      );
      // The refusal comes from outside: what is marked gets there.
      expect(node.problems.join('\n')).toMatch(
        /the name rv\.lab does not resolve since \S+ \(203\.0\.113\.12: .*(refused|no answer); 127\.0\.0\.53 on this machine: no answer/,
      );

      await servers.dns.start();
      const isAllUp = (status: Awaited<ReturnType<WirepathNode['status']>>) =>
        isUp(status.signaling) && isUp(status.relays) && !/does not resolve/.test(status.node.problems.join('\n'));
      await a.until('all servers', isAllUp, COMES_BACK_MS);
      await echo(lab, b.address, COMES_BACK_MS);

      await servers.serveAt(SECOND ?? '');
      const hasMoved = ({ relays }: Awaited<ReturnType<WirepathNode['status']>>) =>
        relays.every(({ relayedAddress }) => relayedAddress?.startsWith(`${SECOND}:`));
      await a.until('the servers elsewhere', (status) => isAllUp(status) && hasMoved(status), 2 * COMES_BACK_MS);
      await b.stop('SIGKILL');
      b.start();
      await echo(lab, b.address, COMES_BACK_MS);
      expect(await lab.exec('a', ['ip', 'route', 'get', DNS])).toContain(`dev ${a.interfaceName}`);
    }, 240_000);

    it('a DNS server in the range of a peer is asked past the tunnel, and so are the servers', async () => {
      const { lab, servers, a, b } = await pairWith(['10.77.0.2/32', '203.0.113.0/28']);
      await lab.resolveNamesBy('a', DNS);
      await servers.serveAt(FIRST ?? '');
      await servers.dns.start();
      a.start();
      b.start();
      await a.until('all servers', ({ signaling, relays }) => isUp(signaling) && isUp(relays), COMES_BACK_MS);
      await echo(lab, b.address, COMES_BACK_MS);
      expect(await lab.exec('a', ['ip', 'route', 'get', DNS])).toContain(`dev ${a.interfaceName}`);
    }, 120_000);
  },
  ['openssl'],
);
