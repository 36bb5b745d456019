import { sameAddress, type Clock, type TransportAddress, type TransportPeer } from '@wirepath/core/plugin';
import type { UapiPeerState } from '../../uapi/device.js';
import type { AttachedDevice } from '../device/attached-device.js';
import { isNewHandshake, lastHandshakeUnixMs } from '../device/handshake-clock.js';
import { hasLiveSession, requestHandshake } from '../device/handshake-request.js';
import { innerAddressOf } from './inner-ping.js';
import { putPeer, removePeer, setEndpoint } from '../device/peer-changes.js';

/** Between two questions to the device, and between two inner pings. */
const POLL_MS = 50;
const PING_MS = 500;

export interface EndpointTrial {
  readonly device: AttachedDevice;
  readonly clock: Clock;
  readonly peer: TransportPeer;
  readonly candidate: TransportAddress;
  readonly timeoutMs: number;
  /** Ends the trial as a failure. */
  readonly signal: AbortSignal;
  /** Somebody decided otherwise meanwhile: nothing is to be restored. */
  readonly superseded: () => boolean;
  readonly ping: (address: string, options: { signal: AbortSignal }) => Promise<boolean>;
}

/** What the device said of the peer, and when. */
interface Look {
  readonly peer: UapiPeerState | undefined;
  readonly atUnixMs: number;
}

/**
 * Moves a peer to `candidate` and keeps it there only on proof; without proof the old endpoint comes back.
 *
 * - Without a live session a handshake, started at once, is the proof: one that was completed after the move, told apart
 *   by all digits of its time, from the candidate.
 * - With one, no handshake is due for minutes: the peer's system has to answer a ping inside the tunnel, while the device
 *   reports the candidate as the endpoint. (A device moves an endpoint to where the last authentic packet came from.)
 *   A peer without a host route cannot be pinged: any authentic packet from the candidate is taken instead.
 */
export async function tryEndpoint(trial: EndpointTrial): Promise<boolean> {
  const { device, peer, clock } = trial;
  const state = await device.get();
  const old = state.peers.find(({ publicKey }) => publicKey === peer.publicKey)?.endpoint;
  const hasSession =
    device.traits.canModifyPeer && hasLiveSession(state, peer.publicKey, device.traits, clock.unixMs());
  const proven = hasSession ? await provenByTraffic(trial) : await provenByHandshake(trial);
  if (!proven && !trial.superseded()) await restore(trial, old);
  return proven;
}

async function provenByHandshake(trial: EndpointTrial): Promise<boolean> {
  const { device, peer, candidate, clock } = trial;
  const { traits } = device;
  let before: number | null = null;
  await device.inTurn(async (control) => {
    const atUnixMs = clock.unixMs();
    const present = (await control.get()).peers.find(({ publicKey }) => publicKey === peer.publicKey);
    before = lastHandshakeUnixMs(present, traits.handshakeClock, atUnixMs);
    const unixMs = () => clock.unixMs();
    await requestHandshake(control, { peer, endpoint: candidate, traits, fresh: true, unixMs });
  });
  return poll(trial, async ({ peer: present, atUnixMs }) => {
    const handshake = lastHandshakeUnixMs(present, traits.handshakeClock, atUnixMs);
    return isAt(present, candidate) && isNewHandshake(before, handshake, traits.handshakeClock);
  });
}

async function provenByTraffic(trial: EndpointTrial): Promise<boolean> {
  const { device, peer, candidate, clock } = trial;
  const address = innerAddressOf(peer.allowedIps);
  const pings = new AbortController();
  let answers = 0;
  let pingedAtMs = -Infinity;
  let baseline: { readonly rxBytes: number; readonly answers: number } | undefined;
  try {
    return await poll(trial, async ({ peer: present }) => {
      if (present === undefined) return false;
      if (!isAt(present, candidate) || baseline === undefined) {
        // Not moved yet, or traffic from the old path has moved it back: what was heard so far is no proof.
        await device.set(setEndpoint(peer.publicKey, candidate));
        const moved = await look(trial);
        baseline = isAt(moved.peer, candidate) ? { rxBytes: moved.peer?.rxBytes ?? 0, answers } : undefined;
        return false;
      }
      if (address !== undefined && clock.now() - pingedAtMs >= PING_MS) {
        pingedAtMs = clock.now();
        void trial.ping(address, { signal: pings.signal }).then((answered) => (answers += Number(answered)));
      }
      const heard = present.rxBytes > baseline.rxBytes && (address === undefined || answers > baseline.answers);
      // Endpoint and counter are not read in one go: it has to be there still.
      return heard && isAt((await look(trial)).peer, candidate);
    });
  } finally {
    pings.abort();
  }
}

/** Looks at the device until `isProven`, the time is over, or nobody waits. */
async function poll(trial: EndpointTrial, isProven: (look: Look) => Promise<boolean>): Promise<boolean> {
  const { clock, signal, timeoutMs } = trial;
  const deadlineMs = clock.now() + timeoutMs;
  for (;;) {
    if (signal.aborted || trial.superseded()) return false;
    if (await isProven(await look(trial))) return true;
    if (clock.now() >= deadlineMs) return false;
    await new Promise<void>((resolve) => clock.setTimeout(resolve, POLL_MS));
  }
}

async function look({ device, peer, clock }: EndpointTrial): Promise<Look> {
  const { peers } = await device.get();
  return { peer: peers.find(({ publicKey }) => publicKey === peer.publicKey), atUnixMs: clock.unixMs() };
}

/** Back to `old`, unless the peer has moved elsewhere by itself: it is where it was heard last. */
async function restore(trial: EndpointTrial, old: TransportAddress | undefined): Promise<void> {
  const { device, peer, candidate } = trial;
  await device.inTurn(async (control) => {
    const present = (await control.get()).peers.find(({ publicKey }) => publicKey === peer.publicKey);
    if (trial.superseded() || !isAt(present, candidate)) return;
    if (old && device.traits.canModifyPeer) await control.set(setEndpoint(peer.publicKey, old));
    else {
      // An endpoint cannot be taken away, only the peer with it.
      await control.set(removePeer(peer.publicKey));
      await control.set(putPeer(peer, old, { replace: false }));
    }
  });
}

function isAt(peer: UapiPeerState | undefined, candidate: TransportAddress): boolean {
  return peer?.endpoint !== undefined && sameAddress(peer.endpoint, candidate);
}
