import { poll } from '../poll.js';
import { runProgram, tryProgram } from '../run-program.js';
import { natRules, type RouterKind } from './nat-kind.js';
import {
  INTERNET_GATEWAY,
  INTERNET_GATEWAY6,
  SERVER_ADDRESSES,
  SERVER_ADDRESSES6,
  type HostPlan,
  type SitePlan,
} from './plan.js';

/** Commands inside one namespace, each kind in one batch. */
interface Script {
  readonly forwards: boolean;
  readonly ip: readonly string[];
  readonly nft?: string;
}

export interface NetworkPlan {
  /** Name of a namespace in this lab to its name on this machine. */
  readonly namespace: (name: string) => string;
  readonly sites: readonly SitePlan[];
  readonly ipv6: boolean;
}

/** Namespaces of a lab by their names in it: the internet, the servers, and per site routers and hosts. */
export function namespacesOf(sites: readonly SitePlan[]): string[] {
  return [
    'inet',
    'srv',
    ...sites.flatMap((site) => [...routersOf(site).map(({ router }) => router), ...site.hosts.map(({ name }) => name)]),
  ];
}

/** A site's routers and what each does, the outermost first. */
export function routersOf({ name, nat }: SitePlan): { readonly router: string; readonly kind: RouterKind }[] {
  if (nat === 'none') return [];
  if (nat !== 'cgnat') return [{ router: `${name}-gw`, kind: nat }];
  return [
    { router: `${name}-isp`, kind: 'shifted' },
    { router: `${name}-gw`, kind: 'portcone' },
  ];
}

/** Makes all namespaces and links in one batch, then each namespace's addresses and rules, all at once. */
export async function buildNetwork(plan: NetworkPlan): Promise<void> {
  const { namespace, sites } = plan;
  const batch = [
    ...namespacesOf(sites).map((name) => `netns add ${namespace(name)}`),
    ...linksOf(sites).map(
      ([from, fromInterface, to, toInterface]) =>
        `link add ${fromInterface} netns ${namespace(from)} type veth peer name ${toInterface} netns ${namespace(to)}`,
    ),
  ];
  await runProgram(['ip', '-batch', '-'], { input: `${batch.join('\n')}\n` });
  await Promise.all(
    [...scriptsOf(plan)].map(([name, script]) =>
      runProgram(['ip', 'netns', 'exec', namespace(name), 'sh', '-e'], { input: shellText(script, plan.ipv6) }),
    ),
  );
  if (plan.ipv6) await untilIpv6(plan);
}

/** The kernel takes up to a second to note that a new link has carrier, and IPv6, other than IPv4, waits for it. */
async function untilIpv6({ namespace, sites }: NetworkPlan): Promise<void> {
  const hosts = ['srv', ...sites.flatMap((site) => site.hosts.filter((host) => host.address6).map(({ name }) => name))];
  await Promise.all(
    hosts.map((name) =>
      poll(
        async () => {
          const ping = ['ping', '-6', '-n', '-q', '-c', '1', '-W', '0.2', INTERNET_GATEWAY6];
          const { code } = await tryProgram(['ip', 'netns', 'exec', namespace(name), ...ping]);
          return code === 0 ? true : undefined;
        },
        { what: `IPv6 in ${name}`, timeoutMs: 10_000 },
      ),
    ),
  );
}

type Link = readonly [from: string, fromInterface: string, to: string, toInterface: string];

function linksOf(sites: readonly SitePlan[]): Link[] {
  return [
    ['srv', 'eth0', 'inet', 'srv'],
    ...sites.flatMap((site): Link[] => {
      if (site.nat === 'none') return site.hosts.map(({ name }): Link => [name, 'eth0', 'inet', name]);
      const gateway = `${site.name}-gw`;
      const outermost = site.carrier ? `${site.name}-isp` : gateway;
      return [
        [outermost, 'wan', 'inet', site.name],
        ...(site.carrier ? [[gateway, 'wan', outermost, 'lan'] as const] : []),
        ...site.hosts.map(({ name }): Link => [name, 'eth0', gateway, name]),
      ];
    }),
  ];
}

function scriptsOf({ sites, ipv6 }: NetworkPlan): Map<string, Script> {
  const scripts = new Map<string, Script>();
  scripts.set('inet', internetScript(sites, ipv6));
  scripts.set('srv', {
    forwards: false,
    ip: [
      ...SERVER_ADDRESSES.map((address) => `addr add ${address}/24 dev eth0`),
      ...(ipv6 ? SERVER_ADDRESSES6.map((address) => `addr add ${address}/64 dev eth0 nodad`) : []),
      ...up('eth0'),
      `route add default via ${INTERNET_GATEWAY}`,
      ...(ipv6 ? [`route add default via ${INTERNET_GATEWAY6}`] : []),
    ],
  });
  for (const site of sites) {
    for (const host of site.hosts) scripts.set(host.name, hostScript(host));
    if (site.nat === 'none') continue;
    const { carrier, publicAddress } = site;
    const hostAddress = site.hosts[0]?.address ?? '';
    const outside = carrier ? carrier.outside : publicAddress;
    const kind: RouterKind = site.nat === 'cgnat' ? 'portcone' : site.nat;
    scripts.set(`${site.name}-gw`, {
      forwards: true,
      ip: [
        'link add lan type bridge',
        ...site.hosts.flatMap(({ name }) => [`link set dev ${name} master lan`, ...up(name)]),
        `addr add ${site.lan}/24 dev lan`,
        ...(site.lan6 ? [`addr add ${site.lan6}/64 dev lan nodad`] : []),
        ...up('lan'),
        `addr add ${outside}/24 dev wan`,
        ...(site.publicAddress6 ? [`addr add ${site.publicAddress6}/64 dev wan nodad`] : []),
        ...up('wan'),
        `route add default via ${carrier ? carrier.inside : INTERNET_GATEWAY}`,
        ...(site.publicAddress6 ? [`route add default via ${INTERNET_GATEWAY6}`] : []),
      ],
      nft: natRules(kind, { publicAddress: outside, hostAddress }),
    });
    if (!carrier) continue;
    scripts.set(`${site.name}-isp`, {
      forwards: true,
      ip: [
        `addr add ${carrier.inside}/24 dev lan`,
        ...up('lan'),
        `addr add ${publicAddress}/24 dev wan`,
        ...up('wan'),
        `route add default via ${INTERNET_GATEWAY}`,
      ],
      nft: natRules('shifted', { publicAddress, hostAddress: carrier.outside }),
    });
  }
  return scripts;
}

function internetScript(sites: readonly SitePlan[], ipv6: boolean): Script {
  const ports = [
    'srv',
    ...sites.flatMap((site) => (site.nat === 'none' ? site.hosts.map(({ name }) => name) : [site.name])),
  ];
  return {
    forwards: true,
    ip: [
      // A bridge without an address of its own takes the lowest of its ports: one more port, and its neighbours speak to nobody.
      'link add br0 address 02:00:00:00:00:01 type bridge',
      ...ports.flatMap((name) => [`link set dev ${name} master br0`, ...up(name)]),
      `addr add ${INTERNET_GATEWAY}/24 dev br0`,
      ...(ipv6 ? [`addr add ${INTERNET_GATEWAY6}/64 dev br0 nodad`] : []),
      ...up('br0'),
      // Where no site is, packets vanish, as on the internet.
      'route add blackhole default',
      ...sites.flatMap(({ lan6, publicAddress6 }) => (lan6 ? [`route add ${lan6}/64 via ${publicAddress6}`] : [])),
    ],
  };
}

function hostScript(host: HostPlan): Script {
  return { forwards: false, ip: [...hostAddressCommands(host), ...up('eth0'), ...hostRouteCommands(host)] };
}

export function hostAddressCommands(host: HostPlan): string[] {
  return [
    `addr add ${host.address}/${host.prefixLength} dev eth0`,
    ...(host.address6 ? [`addr add ${host.address6}/64 dev eth0 nodad`] : []),
  ];
}

export function hostRouteCommands(host: HostPlan): string[] {
  return [
    `route replace default via ${host.gateway} dev eth0`,
    ...(host.gateway6 ? [`route replace default via ${host.gateway6} dev eth0`] : []),
  ];
}

function up(interfaceName: string): string[] {
  return [`link set dev ${interfaceName} up`];
}

function shellText({ forwards, ip, nft }: Script, ipv6: boolean): string {
  const family6 = '/proc/sys/net/ipv6/conf';
  return [
    ...(forwards ? ['echo 1 >/proc/sys/net/ipv4/ip_forward'] : []),
    // Link-local addresses that come up seconds later would be a change of the network under test.
    ...(ipv6
      ? [`echo 0 >${family6}/all/accept_dad; echo 0 >${family6}/default/accept_dad`]
      : [`echo 1 >${family6}/all/disable_ipv6; echo 1 >${family6}/default/disable_ipv6`]),
    ...(ipv6 && forwards ? [`echo 1 >${family6}/all/forwarding`] : []),
    'ip -batch - <<END',
    'link set lo up',
    ...ip,
    'END',
    ...(nft === undefined ? [] : ['nft -f - <<END', nft, 'END']),
    '',
  ].join('\n');
}
