import { longTermKey, type StunMessage } from '@wirepath/stun-codec';

/** The users of the long-term credential mechanism (RFC 8489, section 9.2). Keeps keys, not secrets. */
export class LongTermCredentials {
  readonly realm: string;
  /** Verified against for names that nobody has, so that they cost the same time. */
  readonly #nobody: Buffer;
  #keys: ReadonlyMap<string, Buffer> = new Map();

  constructor(realm: string) {
    this.realm = realm;
    this.#nobody = longTermKey('', realm, '');
  }

  get userCount(): number {
    return this.#keys.size;
  }

  /** Replaces all users: secrets by name. */
  setUsers(users: ReadonlyMap<string, string>): void {
    this.#keys = new Map([...users].map(([name, secret]) => [name, longTermKey(name, this.realm, secret)]));
  }

  has(username: string): boolean {
    return this.#keys.has(username);
  }

  /** @returns the user's key where the request is signed with it. */
  verify(request: StunMessage, username: string): Buffer | undefined {
    const key = this.#keys.get(username);
    const verified = request.verifyIntegrity(key ?? this.#nobody);
    return key !== undefined && verified ? key : undefined;
  }
}
