import type { RandomSource } from '@wirepath/core/plugin';
import { encodeBareResponse, type StunMessage } from '@wirepath/stun-codec';
import type { ServerDropReason } from './drop-reason.js';
import type { LongTermCredentials } from './long-term-credentials.js';
import type { RelayMistakes } from './relay-mistakes.js';
import type { StrangerLimits } from './stranger-limits.js';
import { NONCE_LENGTH, SignedNonces } from './signed-nonces.js';

export interface RequestAdmissionOptions {
  readonly random: RandomSource;
  readonly credentials: LongTermCredentials;
  readonly limits: StrangerLimits;
  readonly mistakes: Pick<RelayMistakes, 'wrongCredentials'>;
}

/** A TURN request, and where it says that it comes from. */
export interface Applicant {
  readonly request: StunMessage;
  readonly ip: string;
  /** The 5-tuple as text: what nonces are bound to. */
  readonly tuple: string;
  /** Of the living allocation of this 5-tuple. */
  readonly allocationUser: string | undefined;
  readonly nowMs: number;
  readonly unixMs: number;
}

export type Admitted =
  /** `account`: whose quota it is. */
  | { readonly kind: 'accepted'; readonly username: string; readonly account: string; readonly key: Buffer }
  /** `unauthenticated`: whether it was right but for user and secret. */
  | { readonly kind: 'refused'; readonly answer: Buffer; readonly unauthenticated: boolean }
  | { readonly kind: 'dropped'; readonly reason: ServerDropReason };

/**
 * Who gets in (RFC 8489, section 9.2.4), and what others may cost: a stranger gets short answers, so many bytes for each
 * source; who shows a nonce of ours can be reached at his 5-tuple and has a share that no forged source touches; whose
 * credentials are wrong too often is not even looked at.
 */
export class RequestAdmission {
  readonly #options: RequestAdmissionOptions;
  readonly #nonces: SignedNonces;
  /** Bytes of the largest answer, without FINGERPRINT. */
  readonly #answerBytes: number;

  constructor(options: RequestAdmissionOptions) {
    this.#options = options;
    this.#nonces = new SignedNonces(options.random);
    const realmBytes = (Buffer.byteLength(options.credentials.realm) + 3) & ~3;
    this.#answerBytes = 20 + 8 + 4 + realmBytes + 4 + NONCE_LENGTH;
  }

  admit(applicant: Applicant): Admitted {
    const { limits } = this.#options;
    const { request, ip, tuple, allocationUser, nowMs, unixMs } = applicant;
    const { nonce } = request;
    const verdict = nonce === undefined ? 'foreign' : this.#nonces.judge(nonce, tuple, unixMs);
    if (verdict === 'foreign') {
      const sizeBytes = this.#answerBytes + (request.hasFingerprint ? 8 : 0);
      if (!limits.challenge(ip, sizeBytes, nowMs)) return { kind: 'dropped', reason: 'rate-limited' };
      return this.#refuse(applicant, !request.hasIntegrity ? 401 : isWhole(request) ? 438 : 400, '');
    }
    const allocated = allocationUser === undefined ? undefined : tuple;
    if (!limits.proven(ip, allocated, nowMs)) return { kind: 'dropped', reason: 'rate-limited' };
    if (!request.hasIntegrity) return this.#refuse(applicant, 401, 'Unauthenticated');
    if (!isWhole(request)) return this.#refuse(applicant, 400, 'Bad Request');
    return verdict === 'stale'
      ? this.#refuse(applicant, 438, 'Stale Nonce')
      : this.#verify(applicant, request.username ?? '');
  }

  #verify(applicant: Applicant, username: string): Admitted {
    const { credentials, limits } = this.#options;
    const { request, ip, allocationUser, nowMs, unixMs } = applicant;
    const known = credentials.has(username) ? username : undefined;
    // Who is in already is not locked out by what his neighbours behind the same NAT get wrong.
    if (username !== allocationUser && !limits.mayFail(ip, known, nowMs))
      return { kind: 'dropped', reason: 'too-many-failures' };
    const key = credentials.verify(request, username, username === allocationUser ? undefined : unixMs);
    if (key !== undefined) return { kind: 'accepted', username, account: credentials.accountOf(username), key };
    limits.failed(ip, known, nowMs);
    this.#options.mistakes.wrongCredentials(username, ip, known !== undefined);
    return this.#refuse(applicant, 401, 'Unauthenticated');
  }

  /** With nothing in it that the client can do without; for a stranger that goes for the reason phrase, too. */
  #refuse({ request, tuple, unixMs }: Applicant, errorCode: 400 | 401 | 438, reason: string): Admitted {
    const { method, transactionId, hasFingerprint: fingerprint } = request;
    const challenge =
      errorCode === 400
        ? undefined
        : { realm: this.#options.credentials.realm, nonce: this.#nonces.issue(tuple, unixMs) };
    const answer = encodeBareResponse({ method, transactionId, errorCode, reason, fingerprint, ...challenge });
    return { kind: 'refused', answer, unauthenticated: errorCode === 401 };
  }
}

/** RFC 8489, section 9.2.4: MESSAGE-INTEGRITY without these is a bad request. */
function isWhole({ username, realm, nonce }: StunMessage): boolean {
  return username !== undefined && realm !== undefined && nonce !== undefined;
}
