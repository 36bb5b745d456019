import { fileURLToPath } from 'node:url';
import {
  Ping,
  WirepathNode,
  WirepathServer,
  type Daemon,
  type Lab,
  type NodeRc,
  type ServerOptions,
} from '../src/index.js';
import { labForTest } from './lab-for-test.js';

const SENDER = fileURLToPath(new URL('./clear-sender.mjs', import.meta.url));
/** On the internet, at no site. */
export const OUTSIDE = '203.0.113.12';
export const OUTSIDE6 = '2001:db8:113::12';
const CHAIN = 'inet clear seen';

export interface KillSwitchLabOptions {
  readonly killSwitch: unknown;
  /** Further options of A's transport. */
  readonly transport?: Readonly<Record<string, unknown>>;
  readonly ipv6?: boolean;
  readonly allowedIps?: readonly string[];
  /** @default a rendezvous server alone */
  readonly server?: ServerOptions;
  /** Of A's rc file, beside the transport. */
  readonly rc?: Partial<NodeRc>;
}

/** What was seen on A's LAN, by the comment of its rule. */
export type Seen = Readonly<
  Record<'clear4' | 'clear6' | 'overlay' | 'dns' | 'lan' | 'dhcp' | 'neighbours' | 'own', number>
>;

/**
 * A in a LAN, whose router counts what comes out of it; another host in that LAN, which can send through A; B on the internet,
 * which passes on what A sends through the tunnel; a rendezvous server.
 */
export class KillSwitchLab {
  private constructor(
    readonly lab: Lab,
    readonly server: WirepathServer,
    readonly a: WirepathNode,
    readonly b: WirepathNode,
  ) {}

  static async create({
    killSwitch,
    transport = {},
    ipv6 = false,
    allowedIps = ['0.0.0.0/0'],
    server: serverOptions = {},
    rc = {},
  }: KillSwitchLabOptions): Promise<KillSwitchLab> {
    const lab = await labForTest({ a: { nat: 'portcone', hosts: 2 }, b: 'none' }, { ipv6 });
    const server = await WirepathServer.prepare(lab, serverOptions);
    const a = new WirepathNode(lab, 'a', { number: 1, rc: { ...rc, transport: { killSwitch, ...transport } } });
    const b = new WirepathNode(lab, 'b', { number: 2 });
    // A peer that has one is looked for nowhere else.
    const endpoint = (site: string) =>
      rc.relayUrls === undefined ? { endpoint: `${lab.site(site).publicAddress}:51820` } : {};
    await a.configure([b.asPeer({ allowedIps, ...endpoint('b') })]);
    await b.configure([
      a.asPeer({ allowedIps: [`${a.address}/32`, `${lab.host('a2').address}/32`], ...endpoint('a') }),
    ]);
    const it = new KillSwitchLab(lab, server, a, b);
    await it.#prepare();
    return it;
  }

  /** Starts all, waits until A's traffic goes through B. */
  async start(): Promise<void> {
    await this.b.start().logged(/node is up/);
    await this.startA();
    await this.throughTunnel();
  }

  /** @returns once nothing leaves in the clear any more. */
  async startA(): Promise<void> {
    await this.a.start().logged(/the kill switch is loaded/);
  }

  /** Waits for an echo from the internet, by way of B. */
  async throughTunnel(): Promise<void> {
    const through = Ping.start(this.lab, 'a', OUTSIDE);
    await through.firstReply();
    await through.stop();
  }

  /** Sends to all of these about every ms, as `host:port`, whatever the system says. `from:port>` before one: from that port. */
  send(from: 'a' | 'a2', ...destinations: readonly string[]): Daemon {
    return this.lab.spawn(from, `sender-${from}`, [process.execPath, SENDER, ...destinations]);
  }

  async seen(): Promise<Seen> {
    const listing = await this.lab.exec('a-gw', ['nft', 'list', 'chain', ...CHAIN.split(' ')]);
    const counts: Record<string, number> = {};
    for (const [, packets, name = ''] of listing.matchAll(/counter packets (\d+) .*comment "(\w+)"/g)) {
      counts[name] = (counts[name] ?? 0) + Number(packets);
    }
    return counts as Seen;
  }

  /** What is seen from now until the end of `act`, and a little after. */
  async seenDuring(act: () => Promise<unknown>, afterMs = 300): Promise<Seen> {
    const before = await this.seen();
    await act();
    // What has left A by now has passed the router by then.
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const after = await this.seen();
    return Object.fromEntries(
      Object.entries(after).map(([name, count]) => [name, count - before[name as keyof Seen]]),
    ) as unknown as Seen;
  }

  /** The rules of nftables in A's namespace. */
  rulesOfA(): Promise<string> {
    return this.lab.exec('a', ['nft', 'list', 'ruleset']);
  }

  async #prepare(): Promise<void> {
    const { lab } = this;
    await lab.exec('b', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
    await lab.exec('b', ['nft', '-f', '-'], {
      input:
        'table ip gateway {\n chain post {\n type nat hook postrouting priority 100\n oifname "eth0" masquerade\n }\n}\n',
    });
    const port = 51820;
    const rules = [
      `meta l4proto { tcp, udp } ip daddr 203.0.113.10 counter comment "own"`,
      `udp dport ${port} ip daddr ${lab.site('b').publicAddress} counter comment "own"`,
      ...(lab.ipv6 ? [`udp dport ${port} ip6 daddr ${lab.site('b').publicAddress6} counter comment "own"`] : []),
      `udp dport { 67, 547 } counter comment "dhcp"`,
      `icmpv6 type { 133-137, 130-132, 143 } counter comment "neighbours"`,
      `meta l4proto { tcp, udp } th dport 53 counter comment "dns"`,
      `ip daddr ${lab.host('a').gateway}/24 counter comment "lan"`,
      `ip daddr 10.77.0.0/24 counter comment "overlay"`,
      `meta nfproto ipv4 counter comment "clear4"`,
      `meta nfproto ipv6 counter comment "clear6"`,
    ].map((rule) => ` ${rule.replace('comment', 'accept comment')}`);
    // Not what the router's bridge passes from host to host.
    const chains = `chain seen {
${rules.join('\n')}
}
chain passed {
 type filter hook forward priority -300
 iifname "lan" oifname "wan" jump seen
}
chain arrived {
 type filter hook input priority -300
 iifname "lan" jump seen
}`;
    await lab.exec('a-gw', ['nft', '-f', '-'], { input: `table inet clear {\n ${chains}\n}\n` });
    // What the other host in the LAN sends goes through A.
    await lab.exec('a', [
      'sysctl',
      '-q',
      '-w',
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.eth0.send_redirects=0',
    ]);
    await lab.exec('a2', ['ip', 'route', 'replace', 'default', 'via', lab.host('a').address]);
  }
}
