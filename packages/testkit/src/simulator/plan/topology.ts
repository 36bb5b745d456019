import {
  NAT_DEPENDENCES,
  transportAddress,
  type NatBehavior,
  type NatDependence,
  type TransportAddress,
} from '@wirepath/core';
import type { LinkSettings } from '../../network/link.js';
import type { NatSettings } from '../../network/nat-settings.js';
import type { NetworkPlan, SitePlan } from './network-plan.js';

/** A network as a list of its parts; both the virtual network and the oracle are made from it. */
export interface Topology {
  readonly hosts: readonly TopologyHost[];
  /** Outermost first. */
  readonly routers: readonly TopologyRouter[];
  /** The two nodes' hosts, by name. */
  readonly nodes: readonly [string, string];
  readonly stunServers: readonly TransportAddress[];
  /** Every relay, and which of them each node uses. */
  readonly relays: readonly TransportAddress[];
  /** They are reached by stream, too. */
  readonly relaysByStream: boolean;
  readonly relaysOf: readonly [readonly TransportAddress[], readonly TransportAddress[]];
}

export interface TopologyHost {
  readonly name: string;
  readonly segment: string;
  readonly ips: readonly string[];
  readonly link: LinkSettings;
}

export interface TopologyRouter {
  readonly inside: string;
  readonly outside: string;
  readonly ip: string;
  readonly nat: NatSettings;
  readonly ipv6Filtering: NatDependence | 'open';
  readonly passesUdp: boolean;
  /** It maps ports for whoever asks at this address of it, inside. */
  readonly gatewayIp?: string;
  readonly link: LinkSettings;
}

export const INTERNET = 'internet';
export const NODE_PORT = 51_820;

const STUN_IPS = ['203.0.113.10', '203.0.113.11', '2001:db8:ffff::10'] as const;
const RELAY_IPS = ['203.0.113.20', '203.0.113.21'] as const;
const SERVER_PORT = 3478;
/** Of NAT-PMP and PCP. */
const GATEWAY_PORT = 5351;
const SERVER_LINK: LinkSettings = { latencyMs: 2 };
const LAN_LINK: LinkSettings = { latencyMs: 0.2 };

/** What a plan comes to. */
export function topologyOf(plan: NetworkPlan): Topology {
  const hosts: TopologyHost[] = [
    ...STUN_IPS.map((ip) => ({ name: `stun ${ip}`, segment: INTERNET, ips: [ip], link: SERVER_LINK })),
    ...RELAY_IPS.map((ip, index) => {
      const latencyMs = plan.relaysByStream?.latencyMs[index];
      const link = latencyMs === undefined ? SERVER_LINK : { latencyMs };
      return { name: `relay ${ip}`, segment: INTERNET, ips: [ip], link };
    }),
  ];
  const routers: TopologyRouter[] = [];
  for (const [index, site] of plan.sites.entries()) {
    const shares = index === 1 ? plan.together : 'nothing';
    const segment = shares === 'lan' ? placeSegment(0) : placeSite(index, site, plan, routers);
    const ipv6 = ipv6Of(index, shares === 'lan' ? plan.sites[0] : site);
    const ips = site.kind === 'public' && shares !== 'lan' ? [publicIp(index)] : [site.lanIp];
    const link = segment === INTERNET ? site.link : LAN_LINK;
    hosts.push({ name: nodeName(index), segment, ips: [...ips, ...ipv6], link });
  }
  const relays = RELAY_IPS.map((ip) => transportAddress(ip, SERVER_PORT));
  const relaysOf = (which: readonly number[]) => relays.filter((_, index) => which.includes(index));
  return {
    hosts,
    routers,
    nodes: [nodeName(0), nodeName(1)],
    stunServers: STUN_IPS.map((ip) => transportAddress(ip, SERVER_PORT)),
    relays,
    relaysByStream: plan.relaysByStream !== undefined,
    relaysOf: [relaysOf(plan.relays[0]), relaysOf(plan.relays[1])],
  };
}

/** Adds the routers in front of a site. @returns the segment that its node is on. */
function placeSite(index: number, site: SitePlan, plan: NetworkPlan, routers: TopologyRouter[]): string {
  if (site.kind === 'public') return INTERNET;
  const common = { ipv6Filtering: site.ipv6Filtering, passesUdp: site.kind !== 'no-udp' };
  let outside = INTERNET;
  if (site.carrier !== undefined) {
    const shared = index === 1 && plan.together === 'carrier' ? 0 : index;
    outside = `carrier${shared}`;
    if (shared === index) {
      const link = { ...site.link, latencyMs: 2 };
      routers.push({
        ...common,
        inside: outside,
        outside: INTERNET,
        ip: publicIp(10 + index),
        nat: site.carrier,
        link,
      });
    }
  }
  const ip = outside === INTERNET ? publicIp(index) : `100.64.0.${2 + index}`;
  const inside = placeSegment(index);
  const gateway = site.mapsPorts === true ? { gatewayIp: site.lanIp.replace(/\d+$/, '1') } : {};
  routers.push({ ...common, inside, outside, ip, nat: site.nat, ...gateway, link: site.link });
  return inside;
}

const placeSegment = (index: number) => `lan${index}`;
const nodeName = (index: number) => `node${index}`;
const publicIp = (index: number) => `198.51.100.${10 + index}`;

function ipv6Of(index: number, site: SitePlan): string[] {
  return site.ipv6 ? [`2001:db8:${index + 1}::2`] : [];
}

/** Where a node asks for a mapping; undefined where the router in front of it maps none. */
export function gatewayOf({ hosts, routers, nodes }: Topology, index: 0 | 1): TransportAddress | undefined {
  const segment = hosts.find(({ name }) => name === nodes[index])?.segment;
  const ip = routers.find(({ inside }) => inside === segment)?.gatewayIp;
  return ip === undefined ? undefined : transportAddress(ip, GATEWAY_PORT);
}

/** What the NATs in front of a node come to together (RFC 4787): of several, the strictest counts. */
export function natBehaviorOf({ hosts, routers, nodes }: Topology, index: 0 | 1): NatBehavior {
  let segment = hosts.find(({ name }) => name === nodes[index])?.segment;
  let [mapping, filtering] = [0, 0];
  for (;;) {
    const router = routers.find(({ inside }) => inside === segment);
    if (router === undefined) break;
    mapping = Math.max(mapping, NAT_DEPENDENCES.indexOf(router.nat.mapping));
    filtering = Math.max(filtering, NAT_DEPENDENCES.indexOf(router.nat.filtering));
    segment = router.outside;
  }
  return { mapping: NAT_DEPENDENCES[mapping] ?? null, filtering: NAT_DEPENDENCES[filtering] ?? null };
}
