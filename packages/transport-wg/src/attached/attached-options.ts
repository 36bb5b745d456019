import type { Identity } from '@wirepath/core/plugin';
import type { FirewallNeeds } from '../system/firewall/create-firewall.js';
import type { KillSwitchOption } from '../system/firewall/kill-switch-options.js';
import type { DeviceControl } from '../uapi/device.js';
import type { DeviceKind } from './device/device-traits.js';

/** What a transport for a device that somebody else runs needs. */
export interface UapiTransportNeeds extends FirewallNeeds {
  readonly identity: Identity;
}

export interface UapiTransportOptions {
  /** Name of the device. @default the node's `interface` */
  readonly device?: string | undefined;
  /** Starts this program for the device, wireguard-go's arguments assumed, and ends it again. @default the device is there */
  readonly command?: string | undefined;
  /** @default found out */
  readonly kind?: DeviceKind | undefined;
  /** Our UDP port (`proxy`), or the device's (`native`); 0: any that is free. @default 0 */
  readonly listenPort?: number | undefined;
  readonly fwmark?: number | undefined;
  readonly bindInterface?: string | undefined;
  /** False leaves addresses and routes of the device to others. @default true */
  readonly configureInterface?: boolean | undefined;
  /** @default false */
  readonly killSwitch?: KillSwitchOption | undefined;
  /** Instead of the device's socket or `wg`. */
  readonly control?: DeviceControl | undefined;
}
