import type { SchemaLibrary } from '@wirepath/core/plugin';
import { PACKET_CIPHERS, type PacketCipherName } from './crypto/packet-cipher.js';
import { OFFLOADS, type Offload } from './offloads.js';
import { killSwitchOption, type KillSwitchOption } from './system/firewall/kill-switch-options.js';

/** Options of the plugin, as in the rc file. */
export interface WireGuardOptions {
  /** `embedded`: our own engine. `uapi`: an existing device (kernel, wireguard-go, boringtun). @default 'embedded' */
  readonly mode: 'embedded' | 'uapi';
  /** UDP port; 0 or none: any that is free. */
  readonly listenPort?: number | undefined;
  /** Of `embedded`. False: packets stay in this process, no device and no right is needed. @default true */
  readonly tun: boolean;
  /**
   * Of `embedded`: the implementation of ChaCha20-Poly1305 for packets, and nothing else will do.
   * @default the first of {@link PACKET_CIPHERS} that gives the known answers here
   */
  readonly crypto?: PacketCipherName | undefined;
  /** Of `embedded`: what is not to be used although the system has it, for it is broken here. @default none */
  readonly avoid: readonly Offload[];
  /** Mark of our datagrams and number of our routing table. @default made from the interface's name */
  readonly fwmark?: number | undefined;
  /** Binds the sockets to one interface (SO_BINDTODEVICE): only for a machine whose default route a mesh owns. */
  readonly bindInterface?: string | undefined;
  /** What is meant for the tunnel never leaves otherwise. @default false */
  readonly killSwitch: KillSwitchOption;
  /** Of `uapi`: our sockets in front of the device, or the device's own. @default 'proxy' */
  readonly subMode: 'proxy' | 'native';
  /** Of `uapi`: name of the existing interface. @default the node's `interface` */
  readonly device?: string | undefined;
  /** Of `uapi`: a program to start for the device, with wireguard-go's arguments, and to end with the node. @default none */
  readonly command?: string | undefined;
  /** Of `uapi`: what runs the device. @default found out */
  readonly kind?: 'kernel' | 'wireguard-go' | 'boringtun' | undefined;
  /** Of `uapi`. False leaves addresses and routes of the device to others. @default true */
  readonly configureInterface: boolean;
}

export function wireGuardOptions(z: SchemaLibrary) {
  const interfaceName = z.string().min(1).max(15);
  const options = z.strictObject({
    mode: z
      .enum(['embedded', 'uapi'])
      .default('embedded')
      .describe('`embedded`: our own engine; `uapi`: an existing device (kernel, wireguard-go, boringtun)'),
    listenPort: z.number().int().min(0).max(65535).optional().describe('UDP port; default, or 0: any that is free'),
    tun: z
      .boolean()
      .default(true)
      .describe('Of `embedded`. `false`: packets stay in the process, for programs that embed it; needs no rights'),
    crypto: z
      .enum(PACKET_CIPHERS)
      .optional()
      .describe(
        'Of `embedded`: what encrypts packets, and nothing else will do; default: the first of these that works here',
      ),
    avoid: z
      .array(z.enum(OFFLOADS))
      .default([])
      .describe('Of `embedded`: ways of sending and receiving that are not to be used, where they are broken here'),
    fwmark: z
      .number()
      .int()
      .min(1)
      .max(0xffffffff)
      .optional()
      .describe("Mark of our datagrams and number of our routing table; default: made from the interface's name"),
    bindInterface: interfaceName
      .optional()
      .describe('Binds the sockets to one interface: only for a machine whose default route a mesh owns'),
    killSwitch: killSwitchOption(z),
    subMode: z
      .enum(['proxy', 'native'])
      .default('proxy')
      .describe("Of `uapi`. `proxy`: our sockets in front of the device; `native`: the device's own"),
    device: interfaceName.optional().describe("Of `uapi`: name of the device; default: the node's `interface`"),
    command: z
      .string()
      .min(1)
      .optional()
      .describe("Of `uapi`: program to start for the device, with wireguard-go's arguments, and to end with the node"),
    kind: z
      .enum(['kernel', 'wireguard-go', 'boringtun'])
      .optional()
      .describe('Of `uapi`: what runs the device; default: found out'),
    configureInterface: z
      .boolean()
      .default(true)
      .describe('Of `uapi`. `false` leaves addresses and routes of the device to others'),
  });
  return options.refine(({ killSwitch, mode, tun }) => killSwitch === false || mode === 'uapi' || tun, {
    path: ['killSwitch'],
    error: '`false`, for with `tun: false` nothing that this machine sends is meant for the tunnel',
  });
}
