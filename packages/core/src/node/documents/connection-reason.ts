import { hardNatObstacle, hardNatPart } from '../../engine/hard-nat/hard-nat-part.js';
import type { PeerView } from '../../engine/peer/peer-view.js';

/** Why a peer is not connected, or not better connected than it is, in one line; null where there is nothing to say. */
export function connectionReason(view: PeerView, signalingUp: boolean): string | null {
  if (view.connection === 'direct' || view.connection === 'hole-punched') return null;
  if (view.connection === 'relayed') return `relayed: ${whyRelayed(view)}`;
  if (view.remoteNat === undefined) {
    if (!signalingUp) return 'signalling is down';
    if (view.undeliverable) return 'the peer is not registered at the rendezvous';
    return 'waiting for the peer to answer through signalling';
  }
  if (view.pairInUse !== undefined) {
    const isSilent = view.phase === 'lost' || view.phase === 'unreachable';
    return isSilent ? 'the path went silent' : 'a path is proven, the WireGuard handshake is not done yet';
  }
  const { count } = view.pairs;
  if (count === 0) return 'no candidate of the peer can be reached from here';
  const [checking, what] =
    view.means === 'checks' ? ['checking', 'candidate pairs'] : ['trying one after another', 'endpoints of the peer'];
  return view.phase === 'unreachable' ? `none of ${count} ${what} answered` : `${checking} ${count} ${what}`;
}

/** Why a relayed path is no better, as a clause. */
export function whyRelayed(view: PeerView): string {
  const obstacle = view.remoteNat && hardNatObstacle(view.ownNat, view.remoteNat);
  if (obstacle) return obstacle;
  const hard = hardNatCause(view);
  if (hard !== undefined) return `${hard}; ${hardNatState(view)}`;
  if (view.pairs.unrelayed === 0) return 'neither side has an address that the other could try directly';
  return view.isProbing ? 'direct pairs are being checked' : `none of ${view.pairs.unrelayed} direct pairs answered`;
}

/** Which NAT maps per destination, where the other's filter makes that the cause; undefined where it is none. */
export function hardNatCause({ ownNat: ours, remoteNat: theirs }: PeerView): string | undefined {
  const part = theirs && hardNatPart(ours, theirs);
  if (part === undefined) return undefined;
  const [hard, easy, filtering] =
    part === 'many-bases' ? ['here', 'of the peer', theirs?.filtering] : ['of the peer', 'here', ours.filtering];
  if (filtering !== 'address-and-port-dependent') return undefined;
  return `the NAT ${hard} maps per destination (symmetric), and the NAT ${easy} lets in only ports that it has sent to`;
}

function hardNatState({ hardNat }: PeerView): string {
  if (!hardNat.isOn) return 'finding the port by trying many is turned off (traversal.hardNat)';
  if (hardNat.progress !== undefined) return `the port is being looked for: ${hardNat.progress}`;
  if (hardNat.failures === 0) return 'the port will be looked for';
  const times = hardNat.failures === 1 ? 'once' : `${hardNat.failures} times`;
  return `the port was looked for ${times} and not found, and will be again`;
}
