import type { z } from 'zod';
import type { SchemaLibrary } from '../../contracts/plugin/schema.js';
import { LOG_LEVELS } from '../../base/logging/log-level.js';
import { defaultInterfaceName } from '../../base/addresses/interface-name.js';
import type { ProductFacts } from '../product-facts.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;

/** `15s`, `500ms`, `1m`, or a number of ms; gives ms. */
function duration(z: SchemaLibrary, defaultText: string, description: string) {
  const error = 'a duration from 1 ms to 1 h, such as 15s, 500ms or 1m, or a number of ms';
  return z
    .union([z.number({ error }), z.string({ error }).regex(DURATION, { error })], { error })
    .default(defaultText)
    .transform(toMs)
    .pipe(z.number().min(1, { error }).max(3_600_000, { error }))
    .describe(description);
}

function toMs(value: string | number): number {
  if (typeof value === 'number') return value;
  const [, amount, unit = ''] = DURATION.exec(value) ?? [];
  return Number(amount) * (UNIT_MS[unit] ?? 0);
}

/** Shape of `peers`, and of the file that `peersFile` names. */
export function peersSchema(z: SchemaLibrary) {
  const text = (description: string) => z.string().min(1).describe(description);
  const peer = z.strictObject({
    name: text('Name for people, unique; no white space.'),
    publicKey: text('Public key, base64.'),
    presharedKeyFile: text('File with the preshared key, base64.').optional(),
    presharedKey: text('The preshared key itself; better in a file.').optional(),
    allowedIps: z.array(z.string()).default([]).describe('CIDRs that are routed to the peer and accepted from it.'),
    keepalive: z
      .number()
      .int()
      .min(0)
      .max(65535)
      .optional()
      .describe(
        'Upper bound, seconds, of the time between two packets that keep the path alive; 0: off. Default: 25, or 0 with `endpoint`.',
      ),
    endpoint: text('`host:port` of a plain WireGuard peer: no signalling and no traversal then.').optional(),
  });
  return z.array(peer);
}

/**
 * Shape of the rc file (DESIGN: configuration). Whether keys, CIDRs and names are sound is checked apart from it, so that a
 * fault of shape in one place hides none elsewhere; `plugins` and `server` are checked with their plugins' own schemas.
 */
export function rcSchema(z: SchemaLibrary, product: Pick<ProductFacts, 'name'>) {
  const text = (description: string) => z.string().min(1).describe(description);
  const traversal = z.strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe('False: no traversal and no signalling; every peer is a plain WireGuard one.'),
    holePunchTimeout: duration(z, '15s', 'Budget of the first round of connectivity checks.'),
    refreshInterval: duration(z, '60s', 'How often mappings and allocations are looked at again.'),
    maxCandidatePairs: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe('Candidate pairs tried per peer, counted after pruning.'),
    hardNat: z
      .boolean()
      .default(true)
      .describe(
        'Whether to open up to 256 sockets and check up to 1,024 ports where a NAT maps per destination (symmetric).',
      ),
    upgradeTimeout: duration(z, '5s', 'Budget of one attempt to leave the relay.'),
    remember: z
      .boolean()
      .default(true)
      .describe(
        'Keep in the state folder where each peer was last, and which port was ours, so that two nodes find each other again while every server is dead.',
      ),
  });
  const log = z.strictObject({ level: z.enum(LOG_LEVELS).default('info').describe('Level of the log.') });
  return z.strictObject({
    privateKeyFile: text('File with the private key, base64, as `wg genkey` writes it.').optional(),
    privateKey: text('The private key itself; better in a file.').optional(),
    interface: text('Name of the interface.').default(defaultInterfaceName(product)),
    addresses: z.array(z.string()).default([]).describe('CIDRs of the interface.'),
    mtu: z.number().int().min(576).max(65535).default(1420).describe('MTU of the interface, bytes.'),
    plugins: z
      .array(
        z.union([z.string().min(1), z.tuple([z.string().min(1), z.unknown()])], {
          error: 'a plugin: "name" or [name, options]',
        }),
      )
      .optional()
      .describe("Plugins, resolved from this file's folder. Left out: those of the product."),
    peers: peersSchema(z)
      .default([])
      .describe('The peers. One with our own key is skipped, so that every machine may have the same list.'),
    peersFile: text('File with more peers: a YAML or JSON list of the same shape as `peers`.').optional(),
    traversal: traversal.prefault({}).describe('How paths are looked for.'),
    log: log.prefault({}).describe('Logging.'),
    server: z.record(z.string(), z.unknown()).optional().describe('What `serve` runs, by section.'),
    $schema: z.string().optional().describe('For editors; ignored.'),
  });
}

export type RcFile = z.output<ReturnType<typeof rcSchema>>;

/** What an rc file may say, as an object: for programs that hand it in and have no file. */
export type RcFileContent = AllReadonly<z.input<ReturnType<typeof rcSchema>>>;

type AllReadonly<T> = T extends object ? { readonly [K in keyof T]: AllReadonly<T[K]> } : T;

/** Keys that speak of a node; a file with `server` and none of these is a server's. */
export const NODE_KEYS: readonly string[] = [
  'privateKeyFile',
  'privateKey',
  'interface',
  'addresses',
  'mtu',
  'peers',
  'peersFile',
  'traversal',
];
