import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';

/** An interface through which this machine reaches the internet without a mesh or tunnel in between. */
export interface PhysicalEgress {
  readonly interfaceName: string;
  readonly family: 4 | 6;
  /** The interface's own address of global scope (RFC 1918 included). */
  readonly ip: string;
  /** The default route's next hop; an IPv6 one is link-local as a rule, on this interface. Undefined where no route told one. */
  readonly gateway?: string;
  /** The default route's metric; lower first. Undefined where no route told the interface. */
  readonly metric?: number;
  /** How it was found: the routing table, the list of interfaces, or a connected UDP socket (which a mesh may own). */
  readonly evidence: 'route' | 'interface' | 'connect';
}

export interface Egress {
  /** Best first; empty when this machine has no way out. */
  detect(options?: { signal?: AbortSignal }): Promise<PhysicalEgress[]>;
  /**
   * Pins a bound socket to an interface (SO_BINDTODEVICE, IP_BOUND_IF).
   * @throws CodedError PERMISSION_DENIED (go on unpinned, with a warning) or INTERFACE_NOT_FOUND.
   */
  bindToDevice(socket: DatagramSocket | StreamSocket, interfaceName: string): void;
  /** Calls back, at most a few times a second, when addresses, links or routes of this machine changed. */
  watch(onChange: () => void): Disposable;
}
