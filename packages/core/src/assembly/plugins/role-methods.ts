import type { Role } from '../../contracts/plugin/plugin.js';
import { methodFaults, type MethodKind, type RoleMethod } from '../../base/guard/guarded-role.js';

const required = (kind: MethodKind): RoleMethod => ({ kind, required: true });
const optional = (kind: MethodKind): RoleMethod => ({ kind });

/** The methods of {@link Datagrams}, which a transport with sockets has as a property. */
export const DATAGRAMS_METHODS: Readonly<Record<string, RoleMethod>> = {
  openBase: required('task'),
  closeBase: required('call'),
  send: required('call'),
  onDatagram: required('subscribe'),
  receive: required('call'),
};

/** The methods of what a relay allocates. */
const ALLOCATION_METHODS: Readonly<Record<string, RoleMethod>> = {
  permit: required('task'),
  release: required('call'),
  refresh: required('task'),
  onLost: required('subscribe'),
  close: required('task'),
};

/** Every method of every role, as the contracts have them: checked right after `create`, and guarded when called. */
export const ROLE_METHODS: Readonly<Record<Role, Readonly<Record<string, RoleMethod>>>> = {
  candidateSource: {
    gather: required('throws'),
    refresh: optional('task'),
    watch: optional('subscribe'),
    natBehavior: optional('value'),
    learnBindingLifetime: optional('task'),
    reload: optional('throws'),
    problems: optional('list'),
    counters: optional('record'),
    stop: optional('task'),
  },
  egress: { detect: required('task'), bindToDevice: required('throws'), watch: required('subscribe') },
  relay: {
    allocate: { kind: 'task', required: true, gives: ALLOCATION_METHODS },
    reload: optional('throws'),
    counters: optional('record'),
  },
  transport: {
    listen: required('task'),
    start: required('task'),
    stop: required('task'),
    addPeer: required('throws'),
    removePeer: required('call'),
    setAllowedIps: required('throws'),
    setPath: required('call'),
    initiateHandshake: required('call'),
    stats: required('list'),
    onHandshake: required('subscribe'),
    onAuthenticated: required('subscribe'),
    onSent: required('subscribe'),
    onEndpointSuggested: required('subscribe'),
    openTcpOutside: optional('throws'),
    openUdpOutside: optional('task'),
    tryEndpoint: optional('task'),
    onInnerPacket: optional('subscribe'),
    describe: optional('record'),
    problems: optional('list'),
    counters: required('record'),
  },
  signaling: {
    start: required('task'),
    stop: required('task'),
    nudge: optional('call'),
    reload: optional('throws'),
    publish: required('call'),
    onMessage: required('subscribe'),
    states: required('list'),
    onStateChange: required('subscribe'),
    onUndeliverable: optional('subscribe'),
    onAvailable: optional('subscribe'),
  },
  peerDiscovery: { peers: required('throws') },
  service: {
    start: required('task'),
    stop: required('task'),
    problems: optional('list'),
    reload: optional('throws'),
  },
};

/** The methods of {@link RunningServer}. */
export const SERVER_METHODS: Readonly<Record<string, RoleMethod>> = {
  start: required('task'),
  stop: required('task'),
  drain: optional('task'),
  describe: required('list'),
  addresses: optional('list'),
  status: optional('record'),
  problems: optional('list'),
  reload: optional('throws'),
};

/** What is wrong with a plugin's contribution to a role, a phrase each: "no method `onMessage`". */
export function roleFaults(role: Role, contribution: unknown): string[] {
  const faults = methodFaults(contribution, ROLE_METHODS[role]);
  const given = contribution as { readonly servers?: unknown; readonly capabilities?: unknown } | null | undefined;
  if (role === 'relay' && !Array.isArray(given?.servers)) faults.push('no list `servers`');
  if (role === 'transport' && (typeof given?.capabilities !== 'object' || given.capabilities === null))
    faults.push('no object `capabilities`');
  return faults;
}
