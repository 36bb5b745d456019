import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newKeyPair, SERVER_ADDRESSES, type Daemon, type Lab, type RcPeer } from '../../src/index.js';
import { INTERNET_GATEWAY6 } from '../../src/network/plan.js';
import { wirepath } from '../../src/wirepath/command.js';
import { RELAY_USER } from '../../src/wirepath/rc-file.js';
import { WirepathNode } from '../../src/wirepath/node.js';
import { labForTest } from '../lab-for-test.js';
import { NameServer } from '../name-server.js';
import { SentInTheClear } from './sent-in-the-clear.js';

const [FIRST_SERVERS, OTHER_SERVERS, NAME_SERVER] = SERVER_ADDRESSES;
/** On the internet, and spoken to through the tunnel. */
export const OUTSIDE = NAME_SERVER;
export const OUTSIDE6 = INTERNET_GATEWAY6;
const SERVERS = 'servers.lab';
const EVERYTHING = ['0.0.0.0/0', '::/0'];

/**
 * A machine behind a home's NAT that sends everything through its peer B, of both families, with a kill switch, and knows
 * its servers by name.
 */
export class Machine {
  #servers: Daemon | undefined;
  #servedAt: string = FIRST_SERVERS;

  private constructor(
    readonly lab: Lab,
    readonly a: WirepathNode,
    readonly b: WirepathNode,
    readonly names: NameServer,
    readonly clear: SentInTheClear,
  ) {}

  static async build(): Promise<Machine> {
    const lab = await labForTest({ a: 'portcone', b: 'none' }, { ipv6: true });
    const rc = {
      stunServers: [`${SERVERS}:3478`],
      relayUrls: [`turn:${SERVERS}:3478`],
      rendezvousUrl: `ws://${SERVERS}:7000`,
    };
    const a = new WirepathNode(lab, 'a', {
      number: 1,
      rc: { ...rc, addresses: ['10.77.0.1/24', 'fd77::1/64'], transport: { killSwitch: true } },
    });
    const b = new WirepathNode(lab, 'b', { number: 2, rc: { ...rc, addresses: ['10.77.0.2/24', 'fd77::2/64'] } });
    await b.configure([a.asPeer({ allowedIps: ['10.77.0.1/32', 'fd77::1/128'] })]);
    const names = new NameServer(lab, 'srv', NAME_SERVER);
    await Promise.all(['a', 'b'].map((host) => lab.resolveNamesBy(host, NAME_SERVER)));
    await passOn(lab);
    const machine = new Machine(lab, a, b, names, await SentInTheClear.count(lab, 'a'));
    await machine.configure();
    return machine;
  }

  /** A's rc file, with other peers beside B that never answer. */
  async configure(strangers = 0): Promise<void> {
    const others = Array.from({ length: strangers }, (_, i): RcPeer => {
      const allowedIps = [`10.78.${i >> 8}.${i & 255}/32`];
      return { name: `stranger-${i}`, publicKey: newKeyPair().publicKey, allowedIps };
    });
    await this.a.configure([this.b.asPeer({ allowedIps: EVERYTHING }), ...others]);
  }

  /** STUN, relay and rendezvous, all at one address. */
  async serve(): Promise<void> {
    const address = this.#servedAt;
    const rcFile = join(this.lab.folder, `servers-${address}.yaml`);
    const { username, credential } = RELAY_USER;
    const server = {
      rendezvous: { listen: `${address}:7000`, urls: [`ws://${SERVERS}:7000`] },
      turn: { listen: `${address}:3478`, realm: 'lab', users: { [username]: credential } },
      stun: { listen: `${address}:3478` },
    };
    await writeFile(rcFile, JSON.stringify({ server }), { mode: 0o600 });
    this.#servers = this.lab.spawn('srv', 'servers', wirepath('serve', '--config', rcFile));
    await this.#servers.logged(/server is up/);
    await this.names.set({ [SERVERS]: [address] });
  }

  async stopServers(): Promise<void> {
    await this.#servers?.stop();
  }

  /** They have moved, and their name with them. */
  async serveElsewhere(): Promise<void> {
    this.#servedAt = this.#servedAt === FIRST_SERVERS ? OTHER_SERVERS : FIRST_SERVERS;
    await this.serve();
  }

  /** The rc file is read again, with so many peers beside B that never answer. */
  async reload(strangers: number): Promise<void> {
    await this.configure(strangers);
    process.kill(this.a.daemon.pid, 'SIGHUP');
    await this.a.until(`${strangers} more peers`, ({ peers }) => peers.length === strangers + 1, 30_000);
  }

  /** Runs `ip` on A. */
  readonly ip = (...args: readonly string[]): Promise<string> => this.lab.exec('a', ['ip', ...args]);

  sysctl(host: string, setting: string): Promise<string> {
    return this.lab.exec(host, ['sysctl', '-q', '-w', setting]);
  }
}

/** B is A's way to the internet. */
async function passOn(lab: Lab): Promise<void> {
  await lab.exec('b', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  const masquerade = 'chain post {\n type nat hook postrouting priority 100\n oifname "eth0" masquerade\n }';
  await lab.exec('b', ['nft', '-f', '-'], { input: `table inet gateway {\n ${masquerade}\n }\n` });
}
