import { longTermKey, type StunMessage } from '@wirepath/stun-codec';
import type { SignedNonces } from './signed-nonces.js';

export type Authentication =
  | { readonly kind: 'accepted'; readonly username: string; readonly key: Buffer }
  /** `challenge`: REALM and a fresh NONCE go with it. */
  | { readonly kind: 'refused'; readonly code: 400 | 401 | 438; readonly reason: string; readonly challenge: boolean };

const UNAUTHENTICATED: Authentication = { kind: 'refused', code: 401, reason: 'Unauthenticated', challenge: true };
const STALE_NONCE: Authentication = { kind: 'refused', code: 438, reason: 'Stale Nonce', challenge: true };
const BAD_REQUEST: Authentication = { kind: 'refused', code: 400, reason: 'Bad Request', challenge: false };

/** The server's side of the long-term credential mechanism (RFC 8489, section 9.2.4). Keeps keys, not secrets. */
export class LongTermCredentials {
  readonly realm: string;
  readonly #nonces: SignedNonces;
  /** Verified against for names that nobody has, so that they cost the same time. */
  readonly #nobody: Buffer;
  #keys: ReadonlyMap<string, Buffer> = new Map();

  constructor(realm: string, users: ReadonlyMap<string, string>, nonces: SignedNonces) {
    this.realm = realm;
    this.#nonces = nonces;
    this.#nobody = longTermKey('', realm, '');
    this.setUsers(users);
  }

  /** Replaces all users: secrets by name. */
  setUsers(users: ReadonlyMap<string, string>): void {
    this.#keys = new Map([...users].map(([name, secret]) => [name, longTermKey(name, this.realm, secret)]));
  }

  /** @param client the source address as text; a nonce is good for one client. */
  authenticate(request: StunMessage, client: string, unixMs: number): Authentication {
    if (!request.hasIntegrity) return UNAUTHENTICATED;
    const { username, realm, nonce } = request;
    if (username === undefined || realm === undefined || nonce === undefined) return BAD_REQUEST;
    if (!this.#nonces.isValid(nonce, client, unixMs)) return STALE_NONCE;
    const key = this.#keys.get(username);
    const verified = request.verifyIntegrity(key ?? this.#nobody);
    return key !== undefined && verified ? { kind: 'accepted', username, key } : UNAUTHENTICATED;
  }

  issueNonce(client: string, unixMs: number): string {
    return this.#nonces.issue(client, unixMs);
  }
}
