import type { SchemaLibrary } from '@wirepath/core/plugin';
import { parseTurnUrl } from './turn-url.js';

/** The schema of the plugin's options. */
export function relayOptionsSchema(z: SchemaLibrary) {
  const server = z
    .strictObject({
      url: z
        .string()
        .refine((url) => parseTurnUrl(url) !== undefined, 'expected a TURN URL, such as "turn:203.0.113.10:3478"')
        .describe('The TURN server, `turn:host:port`'),
      username: z.string().min(1).max(127).describe('User on that server'),
      credential: z.string().min(1).optional().describe('The password itself; better in a file'),
      credentialFile: z.string().min(1).optional().describe('File with the password; read anew at every allocation'),
      family: z
        .union([z.literal(4), z.literal(6)])
        .optional()
        .describe("Address family of the relayed address; default: that of the server's address"),
    })
    .refine(({ credential, credentialFile }) => (credential === undefined) !== (credentialFile === undefined), {
      path: ['credential'],
      error: 'expected either `credential` or `credentialFile`',
    });
  return z.strictObject({
    servers: z
      .array(server)
      .refine((servers) => new Set(servers.map(({ url }) => url)).size === servers.length, 'expected each URL once')
      .default([])
      .describe('The TURN servers'),
  });
}
