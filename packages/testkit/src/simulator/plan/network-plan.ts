import { NAT_DEPENDENCES, type NatDependence } from '@wirepath/core';
import type { LinkSettings } from '../../network/link.js';
import type { NatSettings } from '../../network/nat-settings.js';
import { SeededRandom } from '../../random.js';

/** Where a node is. */
export interface SitePlan {
  readonly kind: 'public' | 'nat' | 'no-udp';
  /** Of the router in front of it, unless it is public. */
  readonly nat: NatSettings;
  /** A second NAT in front of that one. */
  readonly carrier?: NatSettings;
  /** The router in front of it maps ports when it is asked. */
  readonly mapsPorts?: boolean;
  readonly lanIp: string;
  readonly ipv6: boolean;
  readonly ipv6Filtering: NatDependence | 'open';
  readonly link: LinkSettings;
}

/** Something that happens to a network in use. It changes nothing about what is possible. */
export interface Disturbance {
  readonly kind: DisturbanceKind;
  /** 0 or 1: at which node. */
  readonly site: 0 | 1;
}

export const DISTURBANCES = [
  /** The router in front of the node forgets every mapping. */
  'rebinding',
  /** Its provider gives the outermost router, or the public node, another address. */
  'address-change',
  /** The node's link is down for five seconds. */
  'outage',
  /** Every relay forgets every allocation. */
  'relay-restart',
  /** Signalling is down for twenty seconds, during which a rebinding happens. */
  'signalling-outage',
] as const;
/** Where relays are reached by stream, too. */
export const STREAM_DISTURBANCES = [
  /** One relay is gone for twenty seconds, and has forgotten every allocation then. */
  'relay-outage',
  /** The outermost router in front of the node lets no UDP out for twenty seconds. */
  'udp-blocked',
] as const;
export type DisturbanceKind = (typeof DISTURBANCES | typeof STREAM_DISTURBANCES)[number];

/** Two nodes and what is between them: all that a seed decides. */
export interface NetworkPlan {
  readonly seed: number;
  readonly sites: readonly [SitePlan, SitePlan];
  /** What the second node shares with the first. */
  readonly together: 'nothing' | 'lan' | 'carrier';
  /** Which relays each node uses: 0, 1. */
  readonly relays: readonly [readonly number[], readonly number[]];
  /** The relays are reached by UDP and by stream, each so far away; undefined: by UDP, and near. */
  readonly relaysByStream?: { readonly latencyMs: readonly [number, number] };
  readonly signalingLatencyMs: number;
  /** How much later the second node starts. */
  readonly staggerMs: number;
  /** What happens once they are connected, a minute and a half apart. */
  readonly disturbances: readonly Disturbance[];
}

/** One network in so many has relays that are reached by stream, too. */
const BY_STREAM = 0.1;
/** One router in so many maps ports. */
const MAPS_PORTS = 0.15;

export interface RandomPlanOptions {
  /** How many of them. @default 0 */
  readonly disturbances?: number;
  /** Whether relays may be reached by stream. The rest of a network does not depend on it. @default true */
  readonly streams?: boolean;
  /** Whether routers may map ports. Likewise. @default true */
  readonly portMapping?: boolean;
}

/** The network of a seed. */
export function randomPlan(seed: number, options: RandomPlanOptions = {}): NetworkPlan {
  const streams = new SeededRandom(seed ^ 0x7c9);
  const isByStream = streams.chance(BY_STREAM) && options.streams !== false;
  const mapping = new SeededRandom(seed ^ 0x14eb);
  const withMapping = (site: SitePlan): SitePlan =>
    mapping.chance(MAPS_PORTS) && site.kind === 'nat' && options.portMapping !== false
      ? { ...site, mapsPorts: true }
      : site;
  const random = new SeededRandom(seed);
  const first = withMapping(randomSite(random));
  const second = withMapping(randomSite(random));
  const together = random.chance(0.1) && first.kind !== 'public' ? 'lan' : 'nothing';
  const sharesCarrier = together === 'nothing' && first.carrier !== undefined && second.carrier !== undefined;
  const relays = random.pick([
    [[0], [0]],
    [[0], [0]],
    [[0], [0]],
    [[0], [1]],
    [[0, 1], [0]],
    [[0], []],
    [[], []],
  ] as const);
  return {
    seed,
    sites: [first, together === 'lan' ? { ...second, lanIp: otherLanIp(first.lanIp) } : second],
    together: sharesCarrier && random.chance(0.5) ? 'carrier' : together,
    relays: [[...relays[0]], [...relays[1]]],
    ...(isByStream && { relaysByStream: { latencyMs: [streams.integer(1, 60), streams.integer(1, 60)] } }),
    signalingLatencyMs: random.integer(5, 150),
    staggerMs: random.chance(0.5) ? 0 : random.integer(0, 5000),
    disturbances: Array.from({ length: options.disturbances ?? 0 }, () => {
      const kind = random.pick(DISTURBANCES);
      const ofStreams = isByStream && streams.chance(0.5) ? streams.pick(STREAM_DISTURBANCES) : undefined;
      return { kind: ofStreams ?? kind, site: random.pick([0, 1] as const) };
    }),
  };
}

function randomSite(random: SeededRandom): SitePlan {
  const kind = random.pick(['public', 'nat', 'nat', 'nat', 'nat', 'nat', 'nat', 'no-udp'] as const);
  return {
    kind: kind === 'no-udp' && random.chance(0.7) ? 'nat' : kind,
    nat: randomNat(random),
    ...(kind === 'nat' && random.chance(0.25) ? { carrier: randomNat(random) } : {}),
    lanIp: random.pick(['192.168.1.2', '192.168.1.3', '10.0.0.2']),
    ipv6: random.chance(0.25),
    ipv6Filtering: random.pick([...NAT_DEPENDENCES, 'open']),
    link: {
      latencyMs: random.integer(1, 80),
      jitterMs: random.chance(0.3) ? random.integer(1, 20) : 0,
      loss: random.chance(0.2) ? random.next() * 0.03 : 0,
    },
  };
}

function randomNat(random: SeededRandom): NatSettings {
  return {
    mapping: random.pick(NAT_DEPENDENCES),
    filtering: random.pick(NAT_DEPENDENCES),
    ports: random.pick(['preserve', 'sequential', 'random']),
    lifetimeMs: random.integer(35, 300) * 1000,
    hairpinning: random.chance(0.3),
  };
}

const otherLanIp = (ip: string) => (ip === '192.168.1.2' ? '192.168.1.3' : ip.replace(/\d+$/, '77'));
