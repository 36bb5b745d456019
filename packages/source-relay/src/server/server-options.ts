import { isIP } from 'node:net';
import { isLoopback, parseTransportAddress, type SchemaLibrary, type TransportAddress } from '@wirepath/core/plugin';
import { UDP_OFFLOADS, type UdpOffload } from '@wirepath/linux';
import { isCidr } from './ip-ranges.js';

export const DEFAULT_REALM = 'relay';
/** The dynamic ports of RFC 6335, as RFC 8656, section 7.2, recommends. */
export const DEFAULT_RELAY_PORTS: readonly [number, number] = [49152, 65535];
export const DEFAULT_MAX_ALLOCATIONS = 100;

export interface StunOptions {
  /** `203.0.113.10:3478`. */
  readonly listen: string;
  /** Another IP address and another port; all four combinations are opened (RFC 5780). */
  readonly alternate?: string | null | undefined;
}

export interface TurnTlsOptions {
  readonly listen: string | readonly string[];
  /** PEM. */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TurnOptions {
  /** `203.0.113.10:3478`; several for both address families. */
  readonly listen: string | readonly string[];
  /** The IP address that a 1:1 NAT shows, without port. */
  readonly externalAddress?: string | null | undefined;
  readonly tls?: TurnTlsOptions | null | undefined;
  /** @default 'relay' */
  readonly realm?: string | undefined;
  /** Secrets by user name. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** One `name: secret` a line. */
  readonly usersFile?: string | undefined;
  /** Shared secrets of time-limited credentials. */
  readonly secrets?: readonly string[] | undefined;
  /** One a line. */
  readonly secretsFile?: string | undefined;
  /** Lowest and highest relayed port. @default [49152, 65535] */
  readonly relayPorts?: readonly [number, number] | undefined;
  /** @default 100 */
  readonly maxAllocations?: number | undefined;
  /** @default maxAllocations */
  readonly quotaPerUser?: number | undefined;
  /** Of each allocation, each way. @default no limit */
  readonly maxBitsPerSecond?: number | undefined;
  /** CIDRs that may be relayed to although they are refused by default. */
  readonly allowPeers?: readonly string[] | undefined;
  /** CIDRs that may not be relayed to; wins over `allowPeers`. */
  readonly denyPeers?: readonly string[] | undefined;
  /** Of `embedded`: what is not to be used although the system has it, for it is broken here. @default none */
  readonly avoid?: readonly UdpOffload[] | undefined;
  /** @default 'embedded' */
  readonly engine?: 'embedded' | 'node-turn' | undefined;
}

export interface StunTurnServerOptions {
  readonly stun?: StunOptions | undefined;
  readonly turn?: TurnOptions | undefined;
}

/** Addresses that the TURN server listens on. */
export function turnListenAddresses({ listen }: Pick<TurnOptions, 'listen'>): readonly string[] {
  return typeof listen === 'string' ? [listen] : listen;
}

export function isWildcardAddress({ ip }: TransportAddress): boolean {
  return ip === '::' || ip === '0.0.0.0';
}

/** The schema of `server.stun` and `server.turn` in the rc file. */
export function serverOptionsSchema(z: SchemaLibrary) {
  const listenAddress = z
    .string()
    .refine((text) => parseTransportAddress(text) !== undefined, 'expected IP:PORT, such as "203.0.113.10:3478"');
  const cidrs = z.array(z.string().refine(isCidr, 'expected a CIDR, such as "10.0.0.0/8"'));
  const port = z.int().min(1).max(65535);
  const stun = z
    .strictObject({
      listen: listenAddress.describe('ip:port; `0.0.0.0:3478`: all IPv4 addresses, `[::]:3478`: all IPv6 addresses'),
      alternate: listenAddress
        .nullish()
        .describe(
          'ip:port with another IP address and another port; all four combinations are opened, so that clients can tell what their NAT does (RFC 5780)',
        ),
    })
    .refine(({ listen, alternate }) => isAlternate(listen, alternate), {
      path: ['alternate'],
      error: 'expected an address whose IP address and port both differ from those of `listen`, neither a wildcard',
    });
  const turn = z
    .strictObject({
      listen: z
        .union([listenAddress, z.array(listenAddress).min(1)])
        .describe(
          'ip:port, UDP and TCP; several for both address families (`0.0.0.0:3478` and `[::]:3478`: all addresses of one family); one that `stun` has too is one UDP socket',
        ),
      externalAddress: z
        .string()
        .refine((ip) => isIP(ip) !== 0, 'expected an IP address without port')
        .nullish()
        .describe(
          'IP address to advertise, where a 1:1 NAT stands in front, as on most cloud machines; default: the one that the client asked',
        ),
      tls: z
        .strictObject({
          listen: z
            .union([listenAddress, z.array(listenAddress).min(1)])
            .describe('ip:port; one that `rendezvous.tls` has too is one listener, with one certificate'),
          certFile: z.string().describe('Certificate chain (PEM)'),
          keyFile: z.string().describe('Its key (PEM)'),
        })
        .nullish()
        .describe('TURN over TLS, for sites that let nothing else out; port 443 passes most firewalls'),
      realm: z.string().min(1).max(127).default(DEFAULT_REALM).describe('Realm of the users (long-term credentials)'),
      users: z.record(z.string().min(1).max(127), z.string().min(1)).default({}).describe('Passwords by user name'),
      usersFile: z.string().optional().describe('File with more users, one `name: password` a line'),
      secrets: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'Shared secrets of time-limited credentials, as `use-auth-secret` of coturn: user name `<unix seconds>:<name>`, password base64 of HMAC-SHA1(secret, user name)',
        ),
      secretsFile: z.string().optional().describe('File with more secrets, one a line'),
      relayPorts: z
        .tuple([port, port])
        .refine(([min, max]) => min <= max, 'expected the lower port first')
        .default([...DEFAULT_RELAY_PORTS])
        .describe('Lowest and highest relayed port'),
      maxAllocations: z
        .int()
        .min(1)
        .default(DEFAULT_MAX_ALLOCATIONS)
        .describe('Most allocations at a time; one user of several, or one address, gets three quarters at most'),
      quotaPerUser: z
        .int()
        .min(1)
        .optional()
        .describe('Most allocations of one user, ports kept by EVEN-PORT included; default: `maxAllocations`'),
      maxBitsPerSecond: z
        .int()
        .min(64_000)
        .optional()
        .describe('Most bits a second of one allocation, each way; what is over it is dropped; default: no limit'),
      allowPeers: cidrs
        .default([])
        .describe(
          'CIDRs that may be relayed to although they are refused by default (private, loopback, this machine)',
        ),
      denyPeers: cidrs.default([]).describe('CIDRs that may not be relayed to; wins over `allowPeers`'),
      avoid: z
        .array(z.enum(UDP_OFFLOADS))
        .default([])
        .describe('Ways of sending and receiving datagrams that are not to be used, where they are broken here'),
      engine: z
        .enum(['embedded', 'node-turn'])
        .default('embedded')
        .describe('`node-turn` is for tests, on loopback only'),
    })
    .refine((options) => options.engine !== 'node-turn' || addressesOf(options).every(({ ip }) => isLoopback(ip)), {
      path: ['engine'],
      error: 'node-turn is not fit to face a network: expected `listen` on a loopback address, or engine "embedded"',
    });
  return z
    .strictObject({ stun: stun.optional(), turn: turn.optional() })
    .refine(
      ({ stun, turn }) =>
        turn?.engine !== 'node-turn' || stun?.alternate == null || !turnListenAddresses(turn).includes(stun.listen),
      {
        path: ['turn', 'engine'],
        error: 'node-turn shares no socket with a STUN server that has an alternate address',
      },
    );
}

function isAlternate(listen: string, alternate: string | null | undefined): boolean {
  if (alternate == null) return true;
  const [primary, other] = [parseTransportAddress(listen), parseTransportAddress(alternate)];
  // What is no address is told already.
  if (primary === undefined || other === undefined) return true;
  return (
    primary.family === other.family &&
    primary.ip !== other.ip &&
    primary.port !== other.port &&
    ![primary, other].some((address) => isWildcardAddress(address) || address.port === 0)
  );
}

function addressesOf(options: TurnOptions): TransportAddress[] {
  return turnListenAddresses(options).flatMap((text) => parseTransportAddress(text) ?? []);
}
