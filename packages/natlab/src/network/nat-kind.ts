import type { NatDependence } from '@wirepath/core/plugin';

/** Mapping and filtering behaviour in RFC 4787's terms. */
export const NAT_KINDS = {
  none: 'no NAT: the host itself is on the internet',
  portcone: 'mapping endpoint-independent with ports kept, filtering address-and-port-dependent',
  fullcone: 'mapping and filtering endpoint-independent',
  addrcone: 'mapping endpoint-independent, filtering address-dependent',
  shifted: 'mapping endpoint-independent with every port changed, filtering address-and-port-dependent',
  sym: 'mapping and filtering address-and-port-dependent, ports at random',
  symseq: 'as sym, with ports in sequence: each mapping gets the next',
  cgnat: 'two levels: portcone behind shifted',
  noudp: 'UDP leaves nowhere; TCP passes',
} as const;

export type NatKind = keyof typeof NAT_KINDS;

/** A kind that lets UDP through. */
export type UdpNatKind = Exclude<NatKind, 'noudp'>;

/** What an outside observer finds; two levels of NAT look like one of the sum of their dependences. */
export const NAT_BEHAVIOR = {
  none: { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  portcone: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  fullcone: { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  addrcone: { mapping: 'endpoint-independent', filtering: 'address-dependent' },
  shifted: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  sym: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
  symseq: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
  cgnat: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
} as const satisfies Readonly<Record<UdpNatKind, { mapping: NatDependence; filtering: NatDependence }>>;

export function isNatKind(text: string): text is NatKind {
  return Object.hasOwn(NAT_KINDS, text);
}

/** What one router does; `cgnat` is two of them. */
export type RouterKind = Exclude<NatKind, 'none' | 'cgnat'>;

export interface NatAddresses {
  readonly publicAddress: string;
  /** The host that a NAT with open filtering forwards to. */
  readonly hostAddress: string;
}

/** nftables rules of a router between the interfaces `lan` and `wan`. */
export function natRules(kind: RouterKind, addresses: NatAddresses): string {
  const nat = NAT[kind](addresses);
  return `
table ip natlab {
  ${nat.objects ?? ''}
  chain pre {
    type nat hook prerouting priority -100; policy accept;
    ${nat.pre ?? ''}
  }
  chain post {
    type nat hook postrouting priority 100; policy accept;
    ${nat.post ?? 'oifname "wan" masquerade'}
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "wan" meta l4proto udp drop
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ${nat.forward ?? ''}
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
  }
}
table ip6 natlab {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ${kind === 'noudp' ? 'iifname "lan" meta l4proto udp drop' : ''}
    ct state established,related accept
    iifname "lan" accept
    meta l4proto ipv6-icmp accept
  }
}
`;
}

interface NatChains {
  readonly objects?: string;
  readonly pre?: string;
  readonly post?: string;
  readonly forward?: string;
}

const NAT: Readonly<Record<RouterKind, (addresses: NatAddresses) => NatChains>> = {
  portcone: () => ({}),
  fullcone: ({ hostAddress }) => ({ pre: `iifname "wan" meta l4proto udp dnat to ${hostAddress}` }),
  addrcone: ({ hostAddress }) => ({
    objects: 'set seen { type ipv4_addr; flags dynamic,timeout; timeout 5m; }',
    pre: `iifname "wan" meta l4proto udp ip saddr @seen dnat to ${hostAddress}`,
    forward: 'iifname "lan" meta l4proto udp update @seen { ip daddr }',
  }),
  shifted: ({ publicAddress }) => ({
    objects: `map shift { type inet_service : inet_service; elements = { ${portPermutation()} }; }`,
    post: `oifname "wan" udp sport 1024-65535 snat to ${publicAddress} : udp sport map @shift
    oifname "wan" masquerade`,
  }),
  sym: () => ({ post: 'oifname "wan" masquerade fully-random' }),
  symseq: ({ publicAddress }) => ({
    post: `oifname "wan" meta l4proto udp snat to ${publicAddress} : numgen inc mod ${SEQUENCE} map { ${portsInSequence()} }
    oifname "wan" masquerade`,
  }),
  noudp: () => ({ forward: 'iifname "lan" meta l4proto udp drop' }),
};

/** Other ports for every flow from now on. */
export function reshiftRules(): string {
  return `flush map ip natlab shift\nadd element ip natlab shift { ${portPermutation()} }\n`;
}

const FIRST_PORT = 1024;

/** Ports that are given out one after the other, and then again. */
const SEQUENCE = 20_000;
const FIRST_IN_SEQUENCE = 30_000;

function portsInSequence(): string {
  return Array.from({ length: SEQUENCE }, (_, index) => `${index} : ${FIRST_IN_SEQUENCE + index}`).join(', ');
}

/** Every port from 1024 on to another one, no two to the same (Sattolo's algorithm: one cycle, so none to itself). */
function portPermutation(): string {
  const ports = Array.from({ length: 65_536 - FIRST_PORT }, (_, index) => FIRST_PORT + index);
  for (let last = ports.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * last);
    const [a = 0, b = 0] = [ports[last], ports[other]];
    ports[last] = b;
    ports[other] = a;
  }
  return ports.map((port, index) => `${FIRST_PORT + index} : ${port}`).join(', ');
}
