import { formatAddress } from '@wirepath/stun-codec';
import type { WiredNode } from '../../assembly/container/create-container.js';
import { stopSources } from '../../assembly/container/stop-sources.js';
import { TOKENS } from '../../assembly/container/tokens.js';
import type { RelayState } from '../../shell/driver/allocations.js';
import type { NatTraversal } from '../../shell/nat-traversal.js';
import type { NetcheckDocument } from './documents.js';

export interface NetcheckContext {
  readonly wired: WiredNode;
  readonly traversal: NatTraversal;
  /** False for a node that was not started: its sockets are opened for this alone. */
  readonly isStarted: boolean;
  readonly signal: AbortSignal;
}

/** What this machine's network lets through, by asking every server and the system. */
export async function netcheck({ wired, traversal, isStarted, signal }: NetcheckContext): Promise<NetcheckDocument> {
  const transport = wired.get(TOKENS.Transport).instance;
  if (!isStarted) await transport.listen({ signal });
  try {
    const [survey, egress] = await Promise.all([
      traversal.survey({ signal }),
      wired.find(TOKENS.Egress)?.instance.detect({ signal }) ?? [],
    ]);
    return {
      udp: survey.reflexive.length > 0 || survey.relays.some(answersOverUdp),
      ...survey.natBehavior,
      reflexive: survey.reflexive.map(formatAddress),
      forwarded: survey.forwarded.map(({ address, by }) => ({ address: formatAddress(address), by })),
      egress: egress.map(({ interfaceName, family, ip, evidence }) => ({ interfaceName, family, ip, evidence })),
      relays: survey.relays.map(({ url, rttMs, error }) => ({ url, rttMs: rttMs ?? null, error: error ?? null })),
      problems: traversal.problems(),
    };
  } finally {
    if (!isStarted) {
      await stopSources(wired);
      wired.get(TOKENS.Outside).stop();
      await transport.stop();
    }
  }
}

/** A relay that was reached over TCP or TLS says nothing of UDP. */
function answersOverUdp({ transport, answered }: RelayState): boolean {
  return answered && transport === 'udp';
}
