import { CodedError, sleep, type Clock } from '@wirepath/core/plugin';
import type { TransportAddress } from '@wirepath/stun-codec';
import { relayError, requestFailed } from './relay-error.js';
import { UDP, type TurnSession } from './turn-session.js';
import { whyUnusable } from './unusable-address.js';

/** RFC 8656, section 7.2: what a server means that does not say. */
const DEFAULT_LIFETIME_SECONDS = 600;
/** After 437: coturn forgets a deleted allocation only after about a second. */
const MISMATCH_BACKOFF_MS: readonly number[] = [50, 200, 300, 300, 250, 250, 500, 1000, 2000];

export interface GrantedAllocation {
  readonly kind: 'granted';
  readonly relayedAddress: TransportAddress;
  readonly mappedAddress: TransportAddress | undefined;
  readonly lifetimeSeconds: number;
}

export type AllocateResult =
  | GrantedAllocation
  /** 300 (Try Alternate). */
  | { readonly kind: 'try-alternate'; readonly server: TransportAddress };

/**
 * Allocate (RFC 8656, section 7). Our port is fixed, so a node that crashed meets its old allocation (437): that one
 * is deleted under the same user, and Allocate sent again.
 *
 * @param family of the relayed address.
 * @throws CodedError TURN_RELAY or ABORTED.
 */
export async function requestAllocation(
  session: TurnSession,
  options: { readonly url: string; readonly family: 4 | 6; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<AllocateResult> {
  const { url, family, clock, signal } = options;
  for (let attempt = 0; ; attempt++) {
    const outcome = await session.request(
      {
        method: 'allocate',
        requestedTransport: UDP,
        // IPv4 is what a server takes for granted, and old ones do not know the attribute.
        requestedAddressFamily: family === 6 ? 6 : undefined,
      },
      { signal },
    );
    if (outcome.kind === 'success') {
      const { relayedAddress, mappedAddress: mapped, lifetimeSeconds = DEFAULT_LIFETIME_SECONDS } = outcome.response;
      if (relayedAddress?.family !== family || lifetimeSeconds === 0)
        throw relayError(url, `the response to Allocate has no relayed address of IPv${family}, or no lifetime`);
      const unusable = whyUnusable(relayedAddress, session.server);
      if (unusable !== undefined) throw relayError(url, `it gives ${unusable}, to be reached at`);
      // Without it there is only no reflexive candidate.
      const isSeen = mapped !== undefined && whyUnusable(mapped, session.server) === undefined;
      return { kind: 'granted', relayedAddress, mappedAddress: isSeen ? mapped : undefined, lifetimeSeconds };
    }
    if (outcome.kind === 'refused' && outcome.code === 300) {
      const { alternateServer } = outcome.response;
      if (
        alternateServer?.family === session.server.family &&
        whyUnusable(alternateServer, session.server) === undefined
      )
        return { kind: 'try-alternate', server: alternateServer };
    }
    const backoffMs = MISMATCH_BACKOFF_MS[attempt];
    if (outcome.kind !== 'refused' || outcome.code !== 437 || backoffMs === undefined)
      throw requestFailed(url, 'Allocate', outcome);
    // Once: coturn counts its second anew from every Refresh.
    if (attempt === 0) await deleteOld(session, url, signal);
    await sleep(clock, backoffMs, signal);
    if (signal.aborted) throw new CodedError('ABORTED', 'stopped while waiting');
  }
}

async function deleteOld(session: TurnSession, url: string, signal: AbortSignal): Promise<void> {
  const outcome = await session.request({ method: 'refresh', lifetimeSeconds: 0 }, { signal });
  if (outcome.kind === 'refused' && outcome.code === 441)
    throw relayError(url, 'our address holds an allocation of another user there');
}
