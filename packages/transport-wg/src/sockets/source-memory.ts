import type { TransportAddress } from '@wirepath/core/plugin';
import type { Source, SourceAddress } from './path-source.js';

/** More than the paths that peers have; the oldest is forgotten. */
const MAX_REMOTES = 4096;
/** A check on another path does not move what data, or the answer to a check of ours, showed in the last so many ms. */
const SHOWN_RULES_MS = 10_000;

/** How datagrams leave. */
export interface Way {
  /** Of the interface. */
  readonly index: number;
  /** It is the one that has the source address. */
  readonly isOwn: boolean;
}

/** How datagrams from one of this machine's addresses leave to a destination; undefined where there is no way, or no telling. */
export type WayOf = (source: SourceAddress, destination: string) => Way | undefined;

interface LookUp {
  to?: TransportAddress;
  found?: Remembered | undefined;
}

interface Remembered {
  readonly remote: TransportAddress;
  readonly source: Source;
  readonly way: Way | undefined;
  /** Data came in there, or an answer. */
  shownAtMs: number;
  /** An answer came in there: the way out is good too. */
  confirmedAtMs: number;
}

/**
 * At which of this machine's addresses each remote address was heard last, so that what is sent there leaves from the address
 * that it sends to: a NAT or firewall before it lets nothing else through. Only what has been authenticated is taken in, so no
 * forged datagram moves anything.
 *
 * As in the kernel's WireGuard it is forgotten where the address has gone, or when the way from there leads over another
 * interface than before: another uplink's router drops what has not its address. What has been answered there lately is worth more
 * than what only came in elsewhere, for that says nothing of the way out. An address that has lost its way over its
 * own interface is taken in again when it has it back, though datagrams may still reach it. One whose way never was
 * over its own interface is answered from all the same: on a host without source routing there is no better way.
 */
export class SourceMemory {
  readonly #wayOf: WayOf;
  readonly #byRemote = new Map<string, Remembered>();
  /** Those that have lost their way over their own interface, and where to. */
  readonly #astray = new Map<Source, TransportAddress>();
  /** What was looked up last, by the address object: for sending and for receiving, which have objects of their own. */
  #sent: LookUp = {};
  #received: LookUp = {};
  /** Another number whenever something else may be found than before. */
  version = 0;
  #asked: { readonly source: Source; readonly remote: TransportAddress; readonly isOwn: boolean } | undefined;

  constructor(wayOf: WayOf) {
    this.#wayOf = wayOf;
  }

  /** Whether something can be sent from there. */
  isUsable(source: Source | undefined): source is Source {
    return source?.isOpen === true && !this.#astray.has(source);
  }

  find(to: TransportAddress): Source | undefined {
    const found = this.#find(to, this.#sent);
    return found?.source.isOpen === true ? found.source : undefined;
  }

  /** WireGuard's data or handshake came in, authenticated. @param source undefined: at an address that has no socket of its own. */
  heard(remote: TransportAddress, source: Source | undefined, nowMs: number): void {
    if (source !== undefined && this.#astray.has(source)) return;
    const found = this.#find(remote, this.#received);
    if (found?.source === source) {
      if (found !== undefined) found.shownAtMs = nowMs;
    } else if (source === undefined) this.#forget(remote);
    else if (!isLately(found?.confirmedAtMs, nowMs) || this.#leavesByItself(source, remote))
      this.#set(remote, source, nowMs);
  }

  /** An answer to what was sent from there came in, authenticated. @param source as of {@link heard}. */
  confirmed(remote: TransportAddress, source: Source | undefined, nowMs: number): void {
    if (source === undefined) return this.#forget(remote);
    const found = this.#find(remote, this.#received);
    if (found?.source !== source) return this.#set(remote, source, nowMs, nowMs);
    found.shownAtMs = nowMs;
    found.confirmedAtMs = nowMs;
  }

  /** Somebody vouches for the remote address by answering it: a check that has been authenticated. */
  answered(remote: TransportAddress, source: Source, nowMs: number): void {
    const found = this.#find(remote, this.#received);
    if (found?.source === source) return;
    if (found?.source.isOpen === true && isLately(found.shownAtMs, nowMs)) return;
    this.#set(remote, source, -Infinity);
  }

  /** Routes or addresses may have changed. */
  review(): void {
    this.version++;
    this.#asked = undefined;
    const lost = new Map(this.#astray);
    const well = new Set<Source>();
    for (const { remote, source, way } of [...this.#byRemote.values()]) {
      const now = this.#wayFrom(source, remote);
      if (now?.isOwn === true) well.add(source);
      if (source.isOpen && now?.index === way?.index) continue;
      this.#forget(remote);
      if (way?.isOwn === true && now?.isOwn !== true) lost.set(source, remote);
    }
    this.#astray.clear();
    // Where only one destination is routed otherwise than before, the address is as good as it was.
    for (const [source, remote] of lost)
      if (source.isOpen && !well.has(source) && this.#wayFrom(source, remote)?.isOwn !== true)
        this.#astray.set(source, remote);
  }

  clear(): void {
    this.#byRemote.clear();
    this.#astray.clear();
    this.#changed();
  }

  #find(to: TransportAddress, last: LookUp): Remembered | undefined {
    if (to === last.to) return last.found;
    last.to = to;
    last.found = this.#byRemote.get(keyOf(to));
    return last.found;
  }

  #changed(): void {
    this.version++;
    this.#sent = {};
    this.#received = {};
  }

  #set(remote: TransportAddress, source: Source, shownAtMs: number, confirmedAtMs = -Infinity): void {
    const key = keyOf(remote);
    const way = this.#wayFrom(source, remote);
    this.#byRemote.delete(key);
    const [oldest] = this.#byRemote.keys();
    if (oldest !== undefined && this.#byRemote.size >= MAX_REMOTES) this.#byRemote.delete(oldest);
    this.#byRemote.set(key, { remote, source, way, shownAtMs, confirmedAtMs });
    this.#changed();
  }

  #forget(remote: TransportAddress): void {
    this.#byRemote.delete(keyOf(remote));
    this.#changed();
  }

  /** Asked for each packet that comes in elsewhere: the system is asked once, until something changes. */
  #leavesByItself(source: Source, remote: TransportAddress): boolean {
    const asked = this.#asked;
    if (asked?.source === source && keyOf(asked.remote) === keyOf(remote)) return asked.isOwn;
    this.#asked = { source, remote, isOwn: this.#wayFrom(source, remote)?.isOwn === true };
    return this.#asked.isOwn;
  }

  #wayFrom({ address }: Source, remote: TransportAddress): Way | undefined {
    return address === undefined ? undefined : this.#wayOf(address, remote.ip);
  }
}

function isLately(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && nowMs - atMs < SHOWN_RULES_MS;
}

function keyOf({ ip, port }: TransportAddress): string {
  return `${port} ${ip}`;
}
