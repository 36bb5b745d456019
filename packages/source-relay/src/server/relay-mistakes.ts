import { formatAddress, printable, scopeOf, Sightings, type Clock, type TransportAddress } from '@wirepath/core/plugin';
import type { StunError } from './allocate-request.js';
import type { ConnectionEnd } from './client-connections.js';

/** A name comes from whoever asks. */
const MAX_NAME_LENGTH = 60;

const BEHIND_PROXY = 'if that is a reverse proxy, put it on this machine and listen on loopback';

/** One for each kind: whoever comes from many addresses must not crowd the others out. */
const OF_CONNECTIONS: Readonly<Partial<Record<ConnectionEnd, (ip: string) => string>>> = {
  'ip-connections': (ip) => `${ip} has as many connections as one address may, and is refused more; ${BEHIND_PROXY}`,
  'ip-connection-rate': (ip) => `${ip} makes more connections a second than one address may; ${BEHIND_PROXY}`,
  'open-files': () =>
    'there are as many connections as this process may have files open for, and more are refused: raise that limit (LimitNOFILE of the unit, `ulimit -n`)',
  'crowded-out': () =>
    'more connections than there is room for have no allocation yet, and the oldest of the address blocks with the most of them are closed; where that goes on, limit new connections for each address in the firewall',
  'not-turn': (ip) =>
    `${ip} sends what is no TURN, and was disconnected: where that is a node, see whether the port in its url is that of turn.listen (turn:) or of turn.tls (turns:)`,
};

/** What clients are refused that can mean a mistake in the rc file of this server or of a node, in sentences with the cure. */
export class RelayMistakes {
  readonly #ofUsers: Sightings;
  readonly #ofPeers: Sightings;
  readonly #ofServer: Sightings;

  constructor(clock: Clock) {
    this.#ofUsers = new Sightings(clock);
    this.#ofPeers = new Sightings(clock);
    this.#ofServer = new Sightings(clock);
  }

  /** The credentials did not fit. @param isKnown whether there is such a user. */
  wrongCredentials(username: string, ip: string, isKnown: boolean): void {
    const name = () => printable(username, MAX_NAME_LENGTH);
    // One sentence for all names that are none: whoever tries some must not crowd the others out.
    if (isKnown)
      this.#ofUsers.see(
        `=${username}`,
        () => `turn: ${ip} asks as ${name()} with another password than that of turn.users: compare credential there`,
      );
    else
      this.#ofUsers.see(
        'unknown',
        () => `turn: ${ip} asks as ${name()}, which is no user here: compare username there with turn.users`,
      );
  }

  /** A request of a user was refused. @param peers that it names. */
  refused({ code }: StunError, username: string, peers: readonly TransportAddress[]): void {
    const [peer] = peers;
    if (code === 403 && peer !== undefined)
      this.#ofPeers.see(
        peer.ip,
        () =>
          `turn: ${username} may not send to ${peer.ip}: where this relay is to reach private addresses, name them in turn.allowPeers`,
      );
    if (code === 486)
      this.#ofUsers.see(
        `+${username}`,
        () =>
          `turn: ${username} has as many allocations as it may: a user for each node, or a higher turn.quotaPerUser`,
      );
    if (code === 508)
      this.#ofServer.see(
        'full',
        () => 'turn: there is no room for another allocation: raise turn.maxAllocations, or widen turn.relayPorts',
      );
  }

  /** Datagrams of this user's allocation were dropped. */
  overBandwidth(username: string, bitsPerSecond: number): void {
    this.#ofUsers.see(
      `~${username}`,
      () =>
        `turn: an allocation of ${username} is to carry more than turn.maxBitsPerSecond (${bitsPerSecond}) lets it, and what is over it is dropped: raise it where that much is meant to go`,
    );
  }

  /** A connection of a client was refused or ended. */
  connectionEnded(why: ConnectionEnd, ip: string, protocol: 'tcp' | 'tls'): void {
    const sentence = OF_CONNECTIONS[why];
    if (sentence !== undefined) this.#ofServer.see(why, () => `turn over ${protocol}: ${sentence(ip)}`);
  }

  /** A client has got this relayed address. */
  allocated(relayed: TransportAddress, client: TransportAddress): void {
    if (scopeOf(client) !== 'global' || scopeOf(relayed) === 'global') return;
    this.#ofServer.see(
      'private',
      () =>
        `turn: clients from outside (${client.ip}) get ${relayed.ip} to be reached at, where nobody outside reaches them: set turn.externalAddress to what the NAT before this machine shows`,
    );
  }

  /** Somebody asks for a relay where there is only STUN. */
  noRelayAt(listener: TransportAddress): void {
    const at = formatAddress(listener);
    this.#ofServer.see(at, () => `stun: clients ask for a relay at ${at}, where there is none: add it to turn.listen`);
  }

  problems(): string[] {
    return [this.#ofServer, this.#ofUsers, this.#ofPeers].flatMap((sightings) => sightings.problems());
  }
}
