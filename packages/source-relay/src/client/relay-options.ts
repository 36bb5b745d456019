import { isHttpProxyUrl, type SchemaLibrary } from '@wirepath/core/plugin';
import { urlsOf } from './configured-servers.js';
import { expandAutoUrl, parseTurnUrl } from './turn-url.js';

/** The schema of the plugin's options. */
export function relayOptionsSchema(z: SchemaLibrary) {
  const one = z
    .string()
    .refine(
      (url) => (parseTurnUrl(url) ?? expandAutoUrl(url)) !== undefined,
      'expected a TURN URL, such as "turn:203.0.113.10:3478", or "auto:relay.example"',
    );
  const several = z
    .array(
      z
        .string()
        .refine((url) => parseTurnUrl(url) !== undefined, 'expected a TURN URL, such as "turns:relay.example:443"'),
    )
    .min(1);
  const server = z
    .strictObject({
      url: z
        .union([one, several])
        .describe(
          'The TURN server: `turn:host:port`, with `?transport=tcp` over TCP, `turns:host:port` over TLS; a list where it is reached in several ways, or `auto:host[:port]` for UDP and TCP at 3478 or that port and TLS at 443',
        ),
      username: z.string().min(1).max(127).describe('User on that server'),
      credential: z.string().min(1).optional().describe('The password itself; better in a file'),
      credentialFile: z.string().min(1).optional().describe('File with the password; read anew at every allocation'),
      sharedSecret: z
        .string()
        .min(1)
        .optional()
        .describe('In the place of a password, the secret that makes time-limited ones (coturn’s `use-auth-secret`)'),
      sharedSecretFile: z.string().min(1).optional().describe('File with that secret; read anew at every allocation'),
      caFile: z
        .string()
        .min(1)
        .optional()
        .describe('PEM file of the authorities for `turns:`, in the place of the system’s'),
      proxy: z
        .union([z.literal(false), z.string().refine(isHttpProxyUrl, 'expected `http://[user:password@]host:port`')])
        .optional()
        .describe(
          'HTTP proxy for TCP and TLS, `http://[user:password@]host:port`, or `false`; default: `HTTPS_PROXY` and `NO_PROXY` of the environment',
        ),
      family: z
        .union([z.literal(4), z.literal(6)])
        .optional()
        .describe("Address family of the relayed address; default: that of the server's address"),
    })
    .refine(
      ({ credential, credentialFile, sharedSecret, sharedSecretFile }) =>
        [credential, credentialFile, sharedSecret, sharedSecretFile].filter((way) => way !== undefined).length === 1,
      {
        path: ['credential'],
        error: 'expected one of `credential`, `credentialFile`, `sharedSecret` and `sharedSecretFile`',
      },
    );
  return z.strictObject({
    servers: z
      .array(server)
      .refine((servers) => areUnique(servers.flatMap(({ url }) => urlsOf(url))), 'expected each URL once')
      .default([])
      .describe('The TURN servers'),
  });
}

function areUnique(urls: readonly string[]): boolean {
  return new Set(urls).size === urls.length;
}
