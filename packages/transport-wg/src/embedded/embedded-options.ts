import type { Clock, Guard, Identity, Logger, NodeSettings, ProductNames, RandomSource } from '@wirepath/core/plugin';
import type { PacketCipherName } from '../crypto/packet-cipher.js';
import type { KillSwitchOption } from '../system/firewall/kill-switch-options.js';
import type { Offload } from '../offloads.js';
import type { OpenUdpSocket } from '../sockets/udp-socket.js';

export interface EmbeddedTransportNeeds {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly random: RandomSource;
  readonly identity: Identity;
  readonly node: NodeSettings;
  /** Its name is that of our table of firewall rules, with the interface's. @default transport-wg */
  readonly product?: ProductNames;
}

export interface EmbeddedTransportOptions {
  /** 0: any that is free. @default 0 */
  readonly listenPort?: number | undefined;
  /** @default true */
  readonly tun?: boolean | undefined;
  /** The only cipher that will do for packets. @default the fastest that works here */
  readonly crypto?: PacketCipherName | undefined;
  /** What is not to be used although the system has it. @default none */
  readonly avoid?: readonly Offload[] | undefined;
  readonly fwmark?: number | undefined;
  readonly bindInterface?: string | undefined;
  /** @default false */
  readonly killSwitch?: KillSwitchOption | undefined;
  /** Folder of the UAPI socket. @default /var/run/wireguard */
  readonly uapiFolder?: string | undefined;
  /** Opens every socket of the transport: for a simulated network, without a device. @default the system's sockets */
  readonly openSocket?: OpenUdpSocket | undefined;
}
