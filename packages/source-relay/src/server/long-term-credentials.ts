import { createHmac } from 'node:crypto';
import { longTermKey, type StunMessage } from '@wirepath/stun-codec';

/** Unix seconds, and a name or none. */
const TIME_LIMITED = /^(\d{1,11})(?::(.*))?$/s;

/**
 * The users of the long-term credential mechanism (RFC 8489, section 9.2), of which keys are kept and not secrets; and whoever
 * has a credential made of a shared secret, as with coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00, section 2.2).
 */
export class LongTermCredentials {
  readonly realm: string;
  /** Verified against for names that nobody has, so that they cost the same time. */
  readonly #nobody: Buffer;
  #keys: ReadonlyMap<string, Buffer> = new Map();
  #sharedSecrets: readonly string[] = [];

  constructor(realm: string) {
    this.realm = realm;
    this.#nobody = longTermKey('', realm, '');
  }

  /** How many there may be: any number with a shared secret. */
  get userCount(): number {
    return this.#sharedSecrets.length > 0 ? Infinity : this.#keys.size;
  }

  /** Replaces all users: secrets by name. */
  setUsers(users: ReadonlyMap<string, string>): void {
    this.#keys = new Map([...users].map(([name, secret]) => [name, longTermKey(name, this.realm, secret)]));
  }

  /** Replaces all shared secrets; with several, the next one can be there before the last one goes. */
  setSharedSecrets(secrets: readonly string[]): void {
    this.#sharedSecrets = secrets;
  }

  /** Whose quota it is: that of the name, whatever the credential's expiry. */
  accountOf(username: string): string {
    const name = this.has(username) ? undefined : TIME_LIMITED.exec(username)?.[2];
    return name ?? username;
  }

  has(username: string): boolean {
    return this.#keys.has(username);
  }

  /**
   * @param atUnixMs when a time-limited credential must still be valid; undefined: it has an allocation, and keeps it.
   * @returns the user's key where the request is signed with it.
   */
  verify(request: StunMessage, username: string, atUnixMs: number | undefined): Buffer | undefined {
    const key = this.#keys.get(username);
    if (key === undefined && this.#sharedSecrets.length > 0)
      return this.#verifyTimeLimited(request, username, atUnixMs);
    const verified = request.verifyIntegrity(key ?? this.#nobody);
    return key !== undefined && verified ? key : undefined;
  }

  #verifyTimeLimited(request: StunMessage, username: string, atUnixMs: number | undefined): Buffer | undefined {
    const expirySeconds = TIME_LIMITED.exec(username)?.[1];
    if (expirySeconds === undefined) return undefined;
    if (atUnixMs !== undefined && Number(expirySeconds) * 1000 <= atUnixMs) return undefined;
    return this.#sharedSecrets
      .map((secret) => createHmac('sha1', secret).update(username).digest('base64'))
      .map((password) => longTermKey(username, this.realm, password))
      .find((key) => request.verifyIntegrity(key));
  }
}
