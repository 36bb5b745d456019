import { parseCidr, type Cidr, type SchemaLibrary } from '@wirepath/core/plugin';

/** As in the rc file. */
export type KillSwitchOption =
  | boolean
  | 'always'
  | {
      /** Stays after a clean stop, too. @default false */
      readonly always?: boolean | undefined;
      /** DNS servers that may be asked outside the tunnel. @default none, where the tunnel has a default route */
      readonly dns?: readonly string[] | undefined;
      /** Networks beside the tunnel. @default true: private networks on our links */
      readonly lan?: boolean | readonly string[] | undefined;
    };

export interface KillSwitchSettings {
  readonly always: boolean;
  /** Undefined: none where the tunnel has a default route; else DNS is traffic like any other. */
  readonly dns: readonly Cidr[] | undefined;
  /** `on-link`: private networks on our links. */
  readonly lan: 'on-link' | readonly Cidr[];
}

/** @returns undefined: there is none. */
export function killSwitchSettings(option: KillSwitchOption | undefined): KillSwitchSettings | undefined {
  if (option === undefined || option === false) return undefined;
  const { always = false, dns, lan = true } = typeof option === 'object' ? option : { always: option === 'always' };
  return {
    always,
    dns: dns?.flatMap((text) => parseCidr(text) ?? []),
    lan: typeof lan === 'boolean' ? (lan ? 'on-link' : []) : lan.flatMap((text) => parseCidr(text) ?? []),
  };
}

export function killSwitchOption(z: SchemaLibrary) {
  const networks = (what: string) =>
    z.array(z.string().refine((text) => parseCidr(text) !== undefined, { error: what })).max(256);
  return z
    .union([
      z.boolean(),
      z.literal('always'),
      z.strictObject({
        always: z.boolean().default(false).describe('The kill switch stays after a clean stop, too'),
        dns: networks('an IP address')
          .optional()
          .describe('DNS servers that may be asked outside the tunnel; default: none, where it has a default route'),
        lan: z
          .union([z.boolean(), networks('a network as 192.168.1.0/24')])
          .default(true)
          .describe(
            'What passes beside the tunnel: private networks on our links (`true`), these networks, or nothing',
          ),
      }),
    ])
    .default(false)
    .describe(
      'What is meant for the tunnel never leaves otherwise; `always`: not after a clean stop either. See docs/kill-switch.md',
    );
}
