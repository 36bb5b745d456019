import type { TransportAddress } from '@wirepath/core/plugin';
import type { Source } from './path-source.js';

/** More than the paths that peers have; the oldest is forgotten. */
const MAX_REMOTES = 4096;
/** A check on another path does not move what WireGuard's data showed in the last so many ms. */
const DATA_RULES_MS = 10_000;

/**
 * The interface by which datagrams from one of this machine's addresses to a destination leave; undefined where there is no
 * way, or no telling.
 */
export type RouteOf = ((source: string, destination: string) => number | undefined) & Partial<Disposable>;

interface LookUp {
  to?: TransportAddress;
  found?: Remembered | undefined;
}

interface Remembered {
  readonly remote: TransportAddress;
  readonly source: Source;
  readonly route: number | undefined;
  dataAtMs: number;
}

/**
 * At which of this machine's addresses each remote address was heard last, so that what is sent there leaves from the address
 * that it sends to: a NAT or firewall before it lets nothing else through. Only what has been authenticated is taken
 * in, so no forged datagram moves anything. As in the kernel's WireGuard, it is forgotten where the address has gone, or when the way from there
 * leads over another interface than before: another uplink's router drops what has not its address.
 */
export class SourceMemory {
  readonly #routeOf: RouteOf;
  readonly #byRemote = new Map<string, Remembered>();
  /** What was looked up last, by the address object: for sending and for receiving, which have objects of their own. */
  #sent: LookUp = {};
  #received: LookUp = {};

  constructor(routeOf: RouteOf) {
    this.#routeOf = routeOf;
  }

  get size(): number {
    return this.#byRemote.size;
  }

  find(to: TransportAddress): Source | undefined {
    const found = this.#find(to, this.#sent);
    return found?.source.isOpen === true ? found.source : undefined;
  }

  /** WireGuard's data or handshake came in, authenticated. @param source undefined: at an address that has no socket of its own. */
  heard(remote: TransportAddress, source: Source | undefined, nowMs: number): void {
    const found = this.#find(remote, this.#received);
    if (found?.source === source) {
      if (found !== undefined) found.dataAtMs = nowMs;
    } else if (source === undefined) this.#forget(remote);
    else this.#set(remote, source, nowMs);
  }

  /** Somebody vouches for the remote address by answering it: a check that has been authenticated. */
  answered(remote: TransportAddress, source: Source, nowMs: number): void {
    const found = this.#find(remote, this.#received);
    if (found?.source === source) return;
    if (found !== undefined && found.source.isOpen && nowMs - found.dataAtMs < DATA_RULES_MS) return;
    this.#set(remote, source, -Infinity);
  }

  /** Routes or addresses may have changed. */
  review(): void {
    for (const { remote, source, route } of [...this.#byRemote.values()])
      if (!source.isOpen || this.#routeFrom(source, remote) !== route) this.#forget(remote);
  }

  clear(): void {
    this.#byRemote.clear();
    this.#changed();
  }

  #find(to: TransportAddress, last: LookUp): Remembered | undefined {
    if (to === last.to) return last.found;
    last.to = to;
    last.found = this.#byRemote.get(keyOf(to));
    return last.found;
  }

  #changed(): void {
    this.#sent = {};
    this.#received = {};
  }

  #set(remote: TransportAddress, source: Source, dataAtMs: number): void {
    const key = keyOf(remote);
    this.#byRemote.delete(key);
    const [oldest] = this.#byRemote.keys();
    if (oldest !== undefined && this.#byRemote.size >= MAX_REMOTES) this.#byRemote.delete(oldest);
    this.#byRemote.set(key, { remote, source, route: this.#routeFrom(source, remote), dataAtMs });
    this.#changed();
  }

  #forget(remote: TransportAddress): void {
    this.#byRemote.delete(keyOf(remote));
    this.#changed();
  }

  #routeFrom({ ip }: Source, remote: TransportAddress): number | undefined {
    return ip === undefined ? undefined : this.#routeOf(ip, remote.ip);
  }
}

function keyOf({ ip, port }: TransportAddress): string {
  return `${port} ${ip}`;
}
