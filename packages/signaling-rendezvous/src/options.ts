import { isHttpProxyUrl, parseTransportAddress, type SchemaLibrary } from '@wirepath/core/plugin';
import { isPublicKey } from './protocol/admitted-keys.js';
import { canonicalUrl } from './protocol/rendezvous-url.js';

/** Options of the plugin: the client. */
export function clientOptions(z: SchemaLibrary) {
  const url = webSocketUrl(z);
  return z
    .strictObject({
      url: url.optional().describe('The rendezvous server'),
      urls: z.array(url).optional().describe('Several of them: a connection is kept to each'),
      caFile: z
        .string()
        .min(1)
        .optional()
        .describe('PEM file of the authorities for wss://, in the place of the system’s'),
      proxy: z
        .union([z.literal(false), z.string().refine(isHttpProxyUrl, 'expected `http://[user:password@]host:port`')])
        .optional()
        .describe(
          'HTTP proxy, `http://[user:password@]host:port`, or `false`; default: `HTTPS_PROXY` and `NO_PROXY` of the environment',
        ),
    })
    .refine(({ url: one, urls }) => one !== undefined || (urls?.length ?? 0) > 0, {
      error: 'expected `url` or `urls` with at least one rendezvous server',
    });
}

/** The section `rendezvous` under `server`. */
export function serverOptions(z: SchemaLibrary) {
  const address = z.string().refine((text) => parseTransportAddress(text) !== undefined, {
    error: 'expected ip:port, such as 203.0.113.10:7000',
  });
  const listen = z.union([address, z.array(address).min(1)]);
  return z
    .strictObject({
      listen: listen.optional().describe('ip:port for ws://'),
      tls: z
        .strictObject({
          listen: listen.describe('ip:port'),
          certFile: z.string().min(1).describe('Certificate chain (PEM)'),
          keyFile: z.string().min(1).describe('Its key (PEM)'),
        })
        .optional()
        .describe('ip:port for wss://, with the certificate chain and its key (PEM)'),
      urls: z
        .array(webSocketUrl(z))
        .optional()
        .describe(
          'URLs that clients dial, where the socket and the certificate do not tell: behind NAT or a reverse proxy',
        ),
      allow: z
        .array(
          z
            .string()
            .refine(isPublicKey, { error: 'expected a public key, as `wg pubkey` writes it (base64, 44 characters)' }),
        )
        .optional()
        .describe('Public keys that may register; without `allow` and `allowFile` every key may'),
      allowFile: z
        .string()
        .min(1)
        .optional()
        .describe('The same, one key a line, `#` begins a comment; read again on SIGHUP'),
      maxClients: z.int().min(1).max(1_000_000).optional().describe('Registered clients at a time (20000)'),
    })
    .refine((section) => section.listen !== undefined || section.tls !== undefined, {
      error: 'expected `listen` or `tls`',
    });
}

function webSocketUrl(z: SchemaLibrary) {
  return z.string().refine((text) => canonicalUrl(text) !== undefined, {
    error: 'expected a ws:// or wss:// URL without user or password, such as ws://203.0.113.10:7000',
  });
}
