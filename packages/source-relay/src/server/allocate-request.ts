import { attributeType, type StunMessage } from '@wirepath/stun-codec';
import { hasAttribute } from './has-attribute.js';

/** RFC 8656, section 7.2: the default, and the least that a server should give. */
export const DEFAULT_LIFETIME_SECONDS = 600;
const MAX_LIFETIME_SECONDS = 3600;
const UDP = 17;

export interface StunError {
  readonly code: number;
  readonly reason: string;
}

export interface AllocateRequest {
  /** Of a reserved port it is that port's. */
  readonly family: 4 | 6 | undefined;
  readonly parity: 'any' | 'even';
  /** The next higher port is to be kept for another Allocate. */
  readonly reserveNext: boolean;
  /** Hexadecimal; asks for a port that was kept. */
  readonly reservationToken: string | undefined;
  readonly lifetimeSeconds: number;
}

/** What the server is ready to give for a wanted lifetime. */
export function grantedLifetime(wantedSeconds: number | undefined): number {
  return Math.min(MAX_LIFETIME_SECONDS, Math.max(DEFAULT_LIFETIME_SECONDS, wantedSeconds ?? 0));
}

/** Checks an authenticated Allocate for its form, in the order of RFC 8656, section 7.2. */
export function readAllocateRequest(request: StunMessage): AllocateRequest | { readonly error: StunError } {
  const { requestedTransport, evenPort, reservationToken, requestedAddressFamily } = request;
  if (requestedTransport === undefined) return badRequest('REQUESTED-TRANSPORT is missing');
  if (requestedTransport !== UDP) return { error: { code: 442, reason: 'Unsupported Transport Protocol' } };
  const hasToken = hasAttribute(request, attributeType.reservationToken);
  const hasFamily = hasAttribute(request, attributeType.requestedAddressFamily);
  if (hasToken && reservationToken === undefined) return badRequest('RESERVATION-TOKEN is not of 8 bytes');
  if (hasToken && (evenPort !== undefined || hasFamily)) return badRequest('RESERVATION-TOKEN goes alone');
  if (hasFamily && requestedAddressFamily === undefined)
    return { error: { code: 440, reason: 'Address Family not Supported' } };
  return {
    family: hasToken ? undefined : (requestedAddressFamily ?? 4),
    parity: evenPort === undefined ? 'any' : 'even',
    reserveNext: evenPort?.reserveNext === true,
    reservationToken: reservationToken?.toString('hex'),
    lifetimeSeconds: grantedLifetime(request.lifetimeSeconds),
  };
}

function badRequest(reason: string): { readonly error: StunError } {
  return { error: { code: 400, reason } };
}
