import {
  AddressSockets,
  isLoopback,
  parseCidr,
  reasonOf,
  systemTrigger,
  type ChangeTrigger,
  type Clock,
  type LocalAddress,
  type Logger,
} from '@wirepath/core/plugin';
import { interfaceIndex, openUdpBeside, RouteLookup, watchNetworkChanges } from '@wirepath/linux';
import type { BaseSocket } from './base-socket.js';
import type { SourceAddress } from './path-source.js';
import type { SocketEnd } from './socket-end.js';
import type { Way, WayOf } from './source-memory.js';
import { SOCKET_BUFFER_BYTES, type UdpSocket } from './udp-socket.js';

/** What the sockets need to follow this machine's addresses. */
export interface AddressMembersOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the tunnel: what arrives inside of it is not for our sockets. */
  readonly ownInterface: string;
  /** What our datagrams are marked with; routes depend on it. */
  readonly mark: number;
  /** What tests replace. @default the system's */
  readonly system?: Partial<AddressSystem> | undefined;
}

export interface AddressSystem {
  readonly trigger: ChangeTrigger;
  readonly read: () => readonly LocalAddress[];
  /** Opens a socket at one address, and the port of the one at the wildcard address. @throws the system's error. */
  readonly openBeside: (wildcard: SocketEnd, ip: string) => UdpSocket;
  readonly wayOf: WayOf;
}

export interface MemberBases {
  /** The base of a family that has members. */
  readonly base: (family: 4 | 6) => BaseSocket | undefined;
  /** Before a member sends anything. @throws what makes it unusable. */
  readonly prepare: (socket: SocketEnd, base: BaseSocket) => void;
  readonly closing: (closing: Promise<void>) => void;
  /** All addresses of this machine, of every interface, with each look at them. */
  readonly onAddresses?: ((ips: readonly string[]) => void) | undefined;
}

/**
 * Sockets at each of this machine's addresses beside those at the wildcard addresses, as long as a family has several: with one
 * there is nothing to choose between, and nothing is looked up for any packet.
 */
export function addressMembers(options: AddressMembersOptions, bases: MemberBases): AddressSockets<SocketEnd> {
  const { clock, logger, ownInterface, system = {} } = options;
  const { openBeside = openSystemBeside } = system;
  const severalOnce = new Set<4 | 6>();
  return new AddressSockets<SocketEnd>({
    clock,
    logger,
    trigger: system.trigger ?? systemTrigger({ platform: process.platform, watchNetworkChanges }, clock, logger),
    read: system.read,
    select: (addresses) => {
      bases.onAddresses?.(addresses.map(({ ip }) => ip));
      const ours = addresses.filter(({ interfaceName }) => interfaceName !== ownInterface);
      for (const family of [4, 6] as const) {
        const count = ours.filter((address) => address.family === family && !isLoopback(address.ip)).length;
        // Those of addresses that stay are kept where only one is left: what waits in a socket is lost with it.
        if (count > 1) severalOnce.add(family);
      }
      return ours.filter(({ family }) => severalOnce.has(family) && bases.base(family) !== undefined);
    },
    open: (address) => {
      const { family, ip } = address;
      const base = bases.base(family);
      if (base === undefined) throw new Error(`no socket of IPv${family}`);
      const member = base.addMember(openBeside(base.wildcard, ip), address);
      try {
        bases.prepare(member, base);
      } catch (error) {
        bases.closing(base.removeMember(member));
        throw error;
      }
      return member;
    },
    close: (member, { family }) => {
      const closing = bases.base(family)?.removeMember(member) ?? member.close();
      bases.closing(closing);
    },
    onLook: () => {
      bases.base(4)?.review();
      bases.base(6)?.review();
    },
  });
}

/** What bases ask the system while they have members. */
export interface AddressEdges extends Disposable {
  readonly now: () => number;
  readonly wayOf: WayOf;
}

export function addressEdges(options: AddressMembersOptions | undefined): AddressEdges {
  const ways = options && (options.system?.wayOf ?? systemWays(options));
  return {
    now: () => options?.clock.now() ?? 0,
    wayOf: (source, destination) => ways?.(source, destination),
    [Symbol.dispose]: () => (ways as Partial<Disposable> | undefined)?.[Symbol.dispose]?.(),
  };
}

/** Opened with the first question, of which there are none as long as this machine has one address. */
function systemWays({ mark, logger }: AddressMembersOptions): WayOf & Disposable {
  let lookup: RouteLookup | undefined;
  const wayOf = ({ ip, interfaceName }: SourceAddress, destination: string): Way | undefined => {
    const [from, to] = [parseCidr(ip)?.bytes, parseCidr(destination)?.bytes];
    // A link-local destination has its interface in its name.
    if (from === undefined || to === undefined) return undefined;
    try {
      lookup ??= new RouteLookup();
      const index = lookup.interfaceTo({ source: from, destination: to, mark });
      return index === undefined ? undefined : { index, isOwn: index === interfaceIndex(interfaceName) };
    } catch (error) {
      logger.debug('the system does not tell routes', { error: reasonOf(error) });
      return undefined;
    }
  };
  return Object.assign(wayOf, { [Symbol.dispose]: () => lookup?.[Symbol.dispose]() });
}

function openSystemBeside({ descriptor, port }: SocketEnd, ip: string): UdpSocket {
  const address = parseCidr(ip)?.bytes;
  if (address === undefined || descriptor === undefined) throw new RangeError(`no socket beside at ${ip}`);
  return openUdpBeside({ descriptor, port }, address, { bufferSizeBytes: SOCKET_BUFFER_BYTES });
}
