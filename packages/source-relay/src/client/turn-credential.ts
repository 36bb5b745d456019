import type { Clock, ConfigFiles } from '@wirepath/core/plugin';
import { createHmac } from 'node:crypto';

const DAY_SECONDS = 24 * 60 * 60;

/** Long-term credential (RFC 8489, section 9.2). */
export interface TurnCredential {
  readonly username: string;
  readonly secret: string;
}

export interface CredentialOptions {
  readonly username: string;
  readonly credential?: string | undefined;
  /** Instead of `credential`; read at every allocation, so that it can be changed. */
  readonly credentialFile?: string | undefined;
  /** Secret that the server shares: credentials are made from it, which expire. */
  readonly sharedSecret?: string | undefined;
  /** Instead of `sharedSecret`; read at every allocation. */
  readonly sharedSecretFile?: string | undefined;
}

/** @throws CodedError CONFIG for a file. */
export async function readCredential(
  options: CredentialOptions,
  { files, clock }: { readonly files: Pick<ConfigFiles, 'resolve' | 'readSecret'>; readonly clock: Clock },
): Promise<TurnCredential> {
  const { username, credential, credentialFile, sharedSecret, sharedSecretFile } = options;
  const file = credentialFile ?? sharedSecretFile;
  const secret = file === undefined ? (credential ?? sharedSecret ?? '') : await files.readSecret(files.resolve(file));
  if (sharedSecret === undefined && sharedSecretFile === undefined) return { username, secret };
  // Of one day, the same: our port is fixed, and what a crash left there can only be deleted under the name it was made with.
  const day = Math.floor(clock.unixMs() / 1000 / DAY_SECONDS);
  return timeLimitedCredential(username, secret, (day + 2) * DAY_SECONDS);
}

/**
 * As coturn's `use-auth-secret` takes them (draft-uberti-behave-turn-rest-00, section 2.2).
 * @param expirySeconds unix time.
 */
export function timeLimitedCredential(name: string, sharedSecret: string, expirySeconds: number): TurnCredential {
  const username = `${expirySeconds}:${name}`;
  return { username, secret: createHmac('sha1', sharedSecret).update(username).digest('base64') };
}
