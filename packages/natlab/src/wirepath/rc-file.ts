/** A peer as the rc file lists it. */
export interface RcPeer {
  readonly name: string;
  readonly publicKey: string;
  readonly allowedIps: readonly string[];
  readonly keepalive?: number;
  readonly endpoint?: string;
  readonly presharedKey?: string;
}

export interface NodeRc {
  readonly privateKeyFile: string;
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  readonly listenPort: number;
  readonly rendezvousUrl?: string | undefined;
  /** ip:port of STUN servers; none: no server-reflexive candidates. */
  readonly stunServers?: readonly string[] | undefined;
  /** Options of port mapping; none: the gateway is not asked. */
  readonly portmap?: Readonly<Record<string, unknown>> | undefined;
  /** URL of TURN servers; none: no relay. Several of one server go in a list. */
  readonly relayUrls?: readonly (string | readonly string[])[] | undefined;
  /** Of the relayed addresses. @default that of the relay's address */
  readonly relayFamily?: 4 | 6 | undefined;
  /** PEM file of the authority of servers that are reached by TLS. */
  readonly caFile?: string | undefined;
  /** URL of the HTTP proxy, for relays and signalling. */
  readonly proxy?: string | undefined;
  /** Peers on the same network find each other without a server. @default false */
  readonly lan?: boolean | undefined;
  /** Further options of the transport. */
  readonly transport?: Readonly<Record<string, unknown>> | undefined;
  readonly peers: readonly RcPeer[];
  readonly logLevel: string;
}

/** The user of the lab's relay, and its secret. */
export const RELAY_USER = { username: 'lab', credential: 'secret' } as const;

/** The rc file of a node, in YAML that a person can change. */
export function nodeRcText(rc: NodeRc): string {
  const plugins: unknown[] = ['@wirepath/source-host'];
  if (rc.stunServers) plugins.push(['@wirepath/source-stun', { servers: rc.stunServers }]);
  if (rc.portmap) plugins.push(['@wirepath/source-portmap', rc.portmap]);
  const { caFile, proxy } = rc;
  const reached = { ...(caFile !== undefined && { caFile }), ...(proxy !== undefined && { proxy }) };
  if (rc.relayUrls) {
    const family = rc.relayFamily && { family: rc.relayFamily };
    const servers = rc.relayUrls.map((url) => ({ url, ...RELAY_USER, ...reached, ...family }));
    plugins.push(['@wirepath/source-relay', { servers }]);
  }
  plugins.push(['@wirepath/transport-wg', { mode: 'embedded', listenPort: rc.listenPort, ...rc.transport }]);
  if (rc.rendezvousUrl !== undefined)
    plugins.push(['@wirepath/signaling-rendezvous', { url: rc.rendezvousUrl, ...reached }]);
  if (rc.lan === true) plugins.push('@wirepath/signaling-lan');
  return [
    `privateKeyFile: ${rc.privateKeyFile}`,
    `interface: ${rc.interfaceName}`,
    `addresses: ${flow(rc.addresses)}`,
    'plugins:',
    ...plugins.map((plugin) => `  - ${flow(plugin)}`),
    ...(rc.peers.length === 0 ? ['peers: []'] : ['peers:', ...rc.peers.map((peer) => `  - ${flow(peer)}`)]),
    `log: { level: ${rc.logLevel} }`,
    '',
  ].join('\n');
}

/** Where a server listens for TLS. */
export interface ServerTls {
  /** ip:port, of the relay and of the rendezvous: one socket. */
  readonly listen: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ServerRc {
  /** ip:port; none: it does not run. */
  readonly rendezvous?: string | undefined;
  readonly tls?: ServerTls | undefined;
  /** ip:port of the relay; none: it does not run. */
  readonly turn?: string | undefined;
  /** ip:port of the STUN server, which may be the relay's; none: it does not run. */
  readonly stun?: string | undefined;
  /** Its other address, for behaviour discovery (RFC 5780). */
  readonly stunAlternate?: string | undefined;
  readonly logLevel: string;
}

export function serverRcText(rc: ServerRc): string {
  const { username, credential } = RELAY_USER;
  return [
    'server:',
    ...(rc.rendezvous ? [`  rendezvous: ${flow({ listen: rc.rendezvous, tls: rc.tls })}`] : []),
    ...(rc.turn
      ? [`  turn: ${flow({ listen: rc.turn, tls: rc.tls, realm: 'lab', users: { [username]: credential } })}`]
      : []),
    ...(rc.stun ? [`  stun: ${flow({ listen: rc.stun, alternate: rc.stunAlternate })}`] : []),
    `log: { level: ${rc.logLevel} }`,
    '',
  ].join('\n');
}

/** JSON is a part of YAML. */
function flow(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll(/"(\w+)":/g, '"$1": ')
    .replaceAll(',', ', ');
}
