import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon, type DaemonOptions } from './daemon.js';
import { interfaceName, labPrefix, namesFolder, newLabId } from './lab-names.js';
import { buildNetwork, hostAddressCommands, hostRouteCommands, namespacesOf, routersOf } from './network/build.js';
import { firewallRules, type Firewall } from './network/firewall.js';
import { natRules, reshiftRules } from './network/nat-kind.js';
import { INTERNET_GATEWAY, planSites, type HostPlan, type SitePlan, type Sites } from './network/plan.js';
import { removeLab, removeWithThisProcess } from './removal.js';
import { runProgram, tryProgram, type ProgramResult, type RunOptions } from './run-program.js';

export interface LabOptions {
  /** @default false */
  readonly ipv6?: boolean;
  /** One to five letters or digits. @default random */
  readonly id?: string;
  /** The lab stays when this process ends. @default false */
  readonly standing?: boolean;
}

const SHOWN_LINES = 60;

/** A small internet of network namespaces on this machine, with servers, NATs and hosts. */
export class Lab implements AsyncDisposable {
  readonly #daemons: Daemon[] = [];
  readonly #remove: () => Promise<void>;
  #removed: Promise<void> | undefined;

  private constructor(
    readonly id: string,
    readonly folder: string,
    readonly sites: readonly SitePlan[],
    readonly ipv6: boolean,
    standing: boolean,
  ) {
    this.#remove = standing ? () => removeLab(id, folder) : removeWithThisProcess(id, folder);
  }

  /** @throws RangeError for sites that cannot be; Error with the output of the program that failed, nothing being left. */
  static async create(sites: Sites, options: LabOptions = {}): Promise<Lab> {
    const { ipv6 = false, id = newLabId(), standing = false } = options;
    const plan = planSites(sites, ipv6);
    const folder = labFolder(id);
    // Of all that could be in the way: a folder or namespaces of a lab of that name.
    await mkdir(folder, { mode: 0o700 });
    const lab = new Lab(id, folder, plan, ipv6, standing);
    try {
      await mkdir(join(folder, 'run'), { mode: 0o700 });
      await writeFile(join(folder, 'lab.json'), JSON.stringify({ pid: process.pid, standing, sites }));
      await buildNetwork({ namespace: (name) => lab.namespace(name), sites: plan, ipv6 });
      return lab;
    } catch (error) {
      await lab.remove();
      throw error;
    }
  }

  /** The machine's name of one of the lab's namespaces: `srv`, `inet`, a host (`a`), a router (`a-gw`, `a-isp`). */
  namespace(name: string): string {
    return `${labPrefix(this.id)}${name}`;
  }

  namespaces(): string[] {
    return namespacesOf(this.sites);
  }

  site(name: string): SitePlan {
    const site = this.sites.find((one) => one.name === name);
    if (site === undefined) throw new RangeError(`the lab has no site ${name}`);
    return site;
  }

  host(name: string): HostPlan {
    const host = this.sites.flatMap(({ hosts }) => hosts).find((one) => one.name === name);
    if (host === undefined) throw new RangeError(`the lab has no host ${name}`);
    return host;
  }

  /** A name for a WireGuard device, unique on this machine. */
  interfaceName(host: string): string {
    return interfaceName(this.id, host);
  }

  /**
   * The environment of everything that runs in the lab: sockets are kept in its folder, and what a test runner or a package
   * manager tells Node is not for daemons (an inherited NODE_PATH makes them start a third of a second later).
   */
  get env(): NodeJS.ProcessEnv {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(NODE|VITEST|npm_)/.test(name));
    return {
      ...Object.fromEntries(inherited),
      XDG_RUNTIME_DIR: join(this.folder, 'run'),
      XDG_STATE_HOME: join(this.folder, 'state'),
    };
  }

  /** @returns its stdout. @throws Error with its stderr when it fails. */
  exec(namespace: string, command: readonly string[], options: RunOptions = {}): Promise<string> {
    return runProgram(this.#inside(namespace, command), { env: this.env, ...options });
  }

  /** As `exec`, whatever the exit code. */
  tryExec(namespace: string, command: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
    return tryProgram(this.#inside(namespace, command), { env: this.env, ...options });
  }

  /** Starts a program that goes on; what it writes is kept in a file and shown by `logs`. */
  spawn(namespace: string, name: string, command: readonly string[], options: DaemonOptions = {}): Daemon {
    const file = join(this.folder, `${this.#daemons.length}-${name}.log`);
    const daemon = Daemon.spawn(name, this.#inside(namespace, command), file, { env: this.env, ...options });
    this.#daemons.push(daemon);
    return daemon;
  }

  /** What daemons have written, for a test that failed. */
  logs(): string {
    return this.#daemons.map((daemon) => `--- ${daemon.name} (pid ${daemon.pid})\n${elide(daemon.log())}`).join('\n');
  }

  /**
   * Every mapping of the site's NAT is forgotten; a NAT that changes ports gives other ones from then on, one that keeps
   * them the same again.
   */
  async rebind(site: string): Promise<void> {
    for (const { router, kind } of routersOf(this.site(site))) {
      if (kind === 'shifted') await this.exec(router, ['nft', '-f', '-'], { input: reshiftRules() });
      await this.flushConntrack(router);
    }
  }

  /** The site's NAT knows of nobody, as after it was switched on; it will map as before. */
  async forgetMappings(site: string): Promise<void> {
    await Promise.all(
      routersOf(this.site(site)).map(async ({ router, kind }) => {
        await this.flushConntrack(router);
        if (kind === 'addrcone') await this.exec(router, ['nft', 'flush', 'set', 'ip', 'natlab', 'seen']);
      }),
    );
  }

  /**
   * The NAT gets another address from its provider, at once, and forgets all mappings.
   * @param address in 203.0.113.0/24, of no other site. `site()` goes on to say the first one.
   */
  async changePublicAddress(site: string, address: string): Promise<void> {
    const plan = this.site(site);
    const outermost = routersOf(plan)[0];
    if (outermost === undefined) throw new RangeError(`${site} has no NAT`);
    const { router, kind } = outermost;
    const rules = natRules(kind, {
      publicAddress: address,
      hostAddress: plan.carrier?.outside ?? plan.hosts[0]?.address ?? '',
    });
    const commands = [
      'addr flush dev wan scope global',
      `addr add ${address}/24 dev wan`,
      `route replace default via ${INTERNET_GATEWAY} dev wan`,
    ];
    await this.exec(router, ['nft', '-f', '-'], { input: `delete table ip natlab\ndelete table ip6 natlab\n${rules}` });
    await this.exec(router, ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
    await this.flushConntrack(router);
  }

  /** The host's resolv.conf names this server from now on: for programs that are started later in the lab. */
  async resolveNamesBy(host: string, server: string): Promise<void> {
    const folder = namesFolder(this.namespace(host));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'resolv.conf'), `nameserver ${server}\noptions timeout:1\n`);
  }

  /** @param router its namespace, such as `a-gw`. */
  async flushConntrack(router: string): Promise<void> {
    await this.exec(router, ['conntrack', '-F']);
  }

  /** How long a NAT keeps a mapping that nothing uses, in seconds. @param router its namespace, such as `a-gw`. */
  async setMappingLifetime(router: string, seconds: number): Promise<void> {
    const names = ['nf_conntrack_udp_timeout', 'nf_conntrack_udp_timeout_stream'];
    await this.exec(router, ['sysctl', '-q', '-w', ...names.map((name) => `net.netfilter.${name}=${seconds}`)]);
  }

  /** What `from` sends to the other site by UDP leaves its NAT and never arrives; the other direction passes. */
  async blockUdpOneWay(from: string, to: string): Promise<void> {
    const { publicAddress, publicAddress6 } = this.site(from);
    const rules = `table inet natlab_deaf_${from} {
      chain arriving {
        type filter hook prerouting priority -400; policy accept;
        meta l4proto udp ip saddr ${publicAddress} drop
        ${publicAddress6 ? `meta l4proto udp ip6 saddr ${publicAddress6} drop` : ''}
      }
    }\n`;
    await this.exec(this.#border(to), ['nft', '-f', '-'], { input: rules });
  }

  async unblockUdpOneWay(from: string, to: string): Promise<void> {
    await this.exec(this.#border(to), ['nft', 'delete', 'table', 'inet', `natlab_deaf_${from}`]);
  }

  /** From now on no UDP passes between the two sites' public addresses; what they send elsewhere does. */
  async blockUdp(site: string, other: string): Promise<void> {
    const { publicAddress, publicAddress6 } = this.site(other);
    const drops = ['forward', 'input', 'output'].map(
      (hook) => `chain ${hook} {
        type filter hook ${hook} priority -10; policy accept;
        meta l4proto udp ip saddr ${publicAddress} drop
        meta l4proto udp ip daddr ${publicAddress} drop
        ${publicAddress6 ? `meta l4proto udp ip6 saddr ${publicAddress6} drop` : ''}
        ${publicAddress6 ? `meta l4proto udp ip6 daddr ${publicAddress6} drop` : ''}
      }`,
    );
    const rules = `table inet natlab_block_${other} {\n${drops.join('\n')}\n}\n`;
    await this.exec(this.#border(site), ['nft', '-f', '-'], { input: rules });
  }

  async unblockUdp(site: string, other: string): Promise<void> {
    await this.exec(this.#border(site), ['nft', 'delete', 'table', 'inet', `natlab_block_${other}`]);
  }

  /** What the site's router lets out from now on, also of flows that it knows. @throws RangeError where there is none. */
  async setFirewall(site: string, firewall: Firewall): Promise<void> {
    await this.exec(this.gateway(site), ['nft', '-f', '-'], { input: firewallRules(firewall) });
  }

  /** The namespace of the router that a site's hosts are behind. @throws RangeError where there is none. */
  gateway(site: string): string {
    const router = routersOf(this.site(site)).at(-1)?.router;
    if (router === undefined) throw new RangeError(`${site} has no router`);
    return router;
  }

  /** The host leaves its address and has another one, at once, as after a new DHCP lease. */
  async changeAddress(name: string, address: string): Promise<void> {
    const host = this.host(name);
    const commands = [
      `addr del ${host.address}/${host.prefixLength} dev eth0`,
      ...hostAddressCommands({ ...host, address, address6: undefined }),
      ...hostRouteCommands({ ...host, gateway6: undefined }),
    ];
    await this.exec(name, ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  }

  /** Ends everything that runs in the lab and removes it. */
  remove(): Promise<void> {
    this.#removed ??= this.#remove();
    return this.#removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  #border(site: string): string {
    return routersOf(this.site(site))[0]?.router ?? site;
  }

  #inside(namespace: string, command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.namespace(namespace), ...command];
  }
}

/** What goes on and on, as a ping, is of interest at its ends. */
function elide(log: string): string {
  const lines = log.split('\n');
  const half = SHOWN_LINES / 2;
  if (lines.length <= SHOWN_LINES) return log;
  return [...lines.slice(0, half), `... ${lines.length - SHOWN_LINES} lines`, ...lines.slice(-half)].join('\n');
}

export function labFolder(id: string): string {
  return join(tmpdir(), `natlab-${id}`);
}
