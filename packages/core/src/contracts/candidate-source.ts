import type { TransportAddress } from '@wirepath/stun-codec';
import type { GatheredCandidate } from './candidate.js';
import type { Datagrams } from './datagrams.js';
import type { NatBehavior } from './nat-behavior.js';

export interface GatherContext {
  /** Aborts when nobody waits for the result any more; the source then returns soon, without throwing. */
  readonly signal: AbortSignal;
  /** The transport's own sockets; undefined when the transport does not own one (UAPI sub-mode native). */
  readonly datagrams: Datagrams | undefined;
  /** The port that peers send to on this machine's own addresses. */
  readonly listenPort: number | undefined;
  /** This node as servers see it by now, for a source that compares: server-reflexive addresses of all sources that nobody forwards. */
  readonly reflexive?: () => readonly TransportAddress[];
}

/**
 * Finds candidates of this node. Trickles: yield each candidate when it is known, and return when no more will come.
 * One that finds nothing returns; one that fails throws, and the core goes on with what the others find.
 */
export interface CandidateSource {
  gather(context: GatherContext): AsyncIterable<GatheredCandidate>;
  /**
   * Looks again at what an earlier gather found (mappings, allocations).
   * @returns true when an address, IP or port, is no longer what it was; the core then gathers anew.
   */
  refresh?(context: GatherContext): Promise<boolean>;
  /** Calls back when what gather would find has changed (an interface came or went). */
  watch?(onChange: () => void): Disposable;
  /** What this source learnt of the NAT in front of this node. */
  natBehavior?(): NatBehavior | undefined;
  /**
   * Finds out for how long the NAT remembers an idle mapping. It may take minutes; `signal` aborts when the network has changed.
   * @returns ms; undefined where it cannot be found out.
   */
  learnBindingLifetime?(context: GatherContext): Promise<number | undefined>;
  /** What is wrong right now though something was found (servers that do not answer), one line each, for `status`. */
  problems?(): readonly string[];
  /**
   * The rc file was read again, and says other options: takes them over without a restart, and keeps what is the same.
   * @param options output of the plugin's schema. @returns what of it takes a restart all the same, a clause each.
   */
  reload?(options: unknown): readonly string[] | undefined;
  /**
   * The node stops, and its sockets are still open: takes back what others hold for it (a port mapping). Waited for 4 s at most; called
   * after the last gather has ended, also where there was none.
   */
  stop?(): Promise<void>;
  /** Datagrams taken and dropped since the start, by reason: ours to name, never the network's. */
  counters?(): Readonly<Record<string, number>>;
}
