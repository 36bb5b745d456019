import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from './daemon.js';
import type { Lab } from './lab.js';
import { hasProgram } from './requirements.js';

/** miniupnpd takes no address of a documentation range for one of the internet, and those of labs are: these are nobody's here. */
const PUBLIC_NETWORK = '198.51.99';
const INTERNET_GATEWAY = `${PUBLIC_NETWORK}.254`;
/** Of our own, beside the router's: what it lets in is what a mapping leads to. */
const TABLE = 'portmap';

export interface MappingGatewayOptions {
  /** @default true */
  readonly natPmp?: boolean;
  /** UPnP IGD 2; `1`: it shows itself as IGD 1. @default true */
  readonly upnp?: boolean | 1;
  /** Longest life of a mapping, seconds. @default a day */
  readonly maxLifetimeSeconds?: number;
  /** Its policy refuses every mapping. @default false */
  readonly refuses?: boolean;
  /** The external address that it tells, instead of the one that it has. */
  readonly externalIp?: string;
  /** The router keeps the address that it has outside, a private one. */
  readonly keepAddress?: boolean;
}

/** A site's router that maps ports when it is asked: Debian's miniupnpd-nftables (PCP, NAT-PMP, UPnP IGD). */
export class MappingGateway {
  readonly router: string;
  /** What the router has outside. */
  readonly publicAddress: string;
  #daemon: Daemon | undefined;

  private constructor(
    readonly lab: Lab,
    site: string,
    private readonly configFile: string,
    publicAddress: string,
  ) {
    this.router = lab.gateway(site);
    this.publicAddress = publicAddress;
  }

  /** The site's NAT must give its router's own address to what it maps (`portcone`, `sym`, `cgnat`). */
  static async prepare(lab: Lab, site: string, options: MappingGatewayOptions = {}): Promise<MappingGateway> {
    const plan = lab.site(site);
    const last = plan.publicAddress.slice(plan.publicAddress.lastIndexOf('.') + 1);
    const outside = plan.carrier?.outside ?? plan.publicAddress;
    const publicAddress = options.keepAddress === true ? outside : `${PUBLIC_NETWORK}.${last}`;
    const gateway = new MappingGateway(lab, site, join(lab.folder, `${site}-miniupnpd.conf`), publicAddress);
    const { natPmp = true, upnp = true, maxLifetimeSeconds = 86_400, refuses = false, externalIp } = options;
    const lines = [
      'ext_ifname=wan',
      ...(externalIp === undefined ? [] : [`ext_ip=${externalIp}`]),
      'listening_ip=lan',
      'http_port=0',
      `enable_natpmp=${natPmp ? 'yes' : 'no'}`,
      `enable_upnp=${upnp === false ? 'no' : 'yes'}`,
      ...(upnp === 1 ? ['force_igd_desc_v1=yes'] : []),
      ...(lab.ipv6 ? [] : ['ipv6_disable=yes']),
      'min_lifetime=2',
      `max_lifetime=${maxLifetimeSeconds}`,
      'uuid=00000000-0000-0000-0000-000000000001',
      'secure_mode=yes',
      ...(refuses ? [] : [`allow 1024-65535 ${plan.lan}/24 1024-65535`]),
      'deny 0-65535 0.0.0.0/0 0-65535',
      ...['upnp_table_name', 'upnp_nat_table_name'].map((name) => `${name}=${TABLE}`),
      'upnp_forward_chain=mapped',
      'upnp_nat_chain=mapped_pre',
      'upnp_nat_postrouting_chain=mapped_post',
      '',
    ];
    await writeFile(gateway.configFile, lines.join('\n'));
    await lab.exec(gateway.router, ['nft', '-f', '-'], { input: tableRules(lab.ipv6) });
    if (options.keepAddress !== true) await gateway.#readdress();
    return gateway;
  }

  /** Starts it, or starts it again. */
  async start(): Promise<Daemon> {
    const pidFile = join(this.lab.folder, `${this.router}-miniupnpd.pid`);
    const command = ['miniupnpd', '-d', '-f', this.configFile, '-P', pidFile];
    this.#daemon = this.lab.spawn(this.router, 'miniupnpd', command);
    await this.#daemon.logged(/HTTP listening|Listening for NAT-PMP/);
    return this.#daemon;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#daemon?.stop(signal);
  }

  /** What it forwards, as nftables has it: a line for each mapping. */
  async mappings(): Promise<string[]> {
    const list = ['nft', 'list', 'chain', 'inet', TABLE, 'mapped_pre'];
    const text = await this.lab.exec(this.router, list);
    return text.split('\n').flatMap((line) => (line.includes('dnat') ? [line.trim()] : []));
  }

  /** What it lets in over IPv6, by the destination in the packet's header. */
  async pinholes(): Promise<string[]> {
    const text = await this.lab.exec(this.router, ['nft', 'list', 'chain', 'inet', TABLE, 'mapped']);
    return text.split('\n').flatMap((line) => (line.includes('@nh,192,128') ? [line.trim()] : []));
  }

  /** It forgets all, without a word. */
  async forget(): Promise<void> {
    for (const chain of ['mapped', 'mapped_pre', 'mapped_post'])
      await this.lab.exec(this.router, ['nft', 'flush', 'chain', 'inet', TABLE, chain]);
  }

  async #readdress(): Promise<void> {
    const { lab, publicAddress } = this;
    await lab.tryExec('inet', ['ip', 'addr', 'add', `${INTERNET_GATEWAY}/24`, 'dev', 'br0']);
    const commands = [
      'addr flush dev wan scope global',
      `addr add ${publicAddress}/24 dev wan`,
      `route replace default via ${INTERNET_GATEWAY} dev wan`,
    ];
    await lab.exec(this.router, ['ip', '-4', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  }
}

/** @returns what this machine lacks for one, in one line; undefined when nothing. */
export function missingForMappingGateway(): string | undefined {
  return hasProgram('miniupnpd') ? undefined : 'needs miniupnpd (miniupnpd-nftables)';
}

/** With IPv6 the router's own rules let nothing in that was not asked for: here it is what no pinhole leads to. */
function tableRules(ipv6: boolean): string {
  return `
table inet ${TABLE} {
  chain mapped {
  }
  chain mapped_pre {
  }
  chain mapped_post {
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    jump mapped
    ${ipv6 ? 'meta nfproto ipv6 iifname "wan" ct state new meta l4proto udp drop' : ''}
  }
  chain prerouting {
    type nat hook prerouting priority -101;
    jump mapped_pre
  }
  chain postrouting {
    type nat hook postrouting priority 99;
    jump mapped_post
  }
}
${ipv6 ? 'delete table ip6 natlab' : ''}
`;
}
