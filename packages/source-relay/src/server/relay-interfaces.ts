import { scopeOf, transportAddress, type LocalAddress, type TransportAddress } from '@wirepath/core/plugin';
import { listenAddress } from './listen-address.js';
import { isWildcardAddress, turnListenAddresses, type TurnOptions } from './server-options.js';

/** Where relayed sockets are bound, and what is advertised for it. */
export interface RelayInterface {
  readonly bindIp: string;
  readonly advertisedIp: string;
}

/** Who asks for an allocation, and at which of the server's addresses. */
export interface AllocationPlace {
  /** The wildcard where it is not known. */
  readonly asked: TransportAddress;
  readonly client: TransportAddress;
}

/**
 * Says where an allocation's relayed address is: at the address that the client asked, so that what it relays leaves from where
 * peers send to. Where `externalAddress` is advertised, at the address behind it: the first in `listen`, or with a wildcard
 * there the external address itself where this machine has it, otherwise (a 1:1 NAT) the one that a client from outside has reached.
 */
export class RelayInterfaces {
  readonly #listen: readonly TransportAddress[];
  readonly #external: TransportAddress | undefined;
  readonly #read: () => readonly LocalAddress[];

  /** @throws {RangeError} for options that the schema would have refused. */
  constructor(options: TurnOptions, read: () => readonly LocalAddress[]) {
    this.#listen = turnListenAddresses(options).map(listenAddress);
    this.#external = options.externalAddress == null ? undefined : transportAddress(options.externalAddress, 0);
    this.#read = read;
  }

  /** Addresses that the relay goes by, whatever interfaces this machine has. */
  get advertised(): string[] {
    const listed = this.#listen.filter((address) => !isWildcardAddress(address));
    return [...listed, ...(this.#external ? [this.#external] : [])].map(({ ip }) => ip);
  }

  hasFamily(family: 4 | 6): boolean {
    return this.#listen.some((address) => address.family === family);
  }

  /** Undefined where there is nothing to advertise. */
  of(family: 4 | 6, { asked, client }: AllocationPlace): RelayInterface | undefined {
    const [first] = this.#listen.filter((address) => address.family === family);
    if (first === undefined) return undefined;
    const reached = asked.family === family && !isWildcardAddress(asked) ? asked.ip : undefined;
    if (this.#external?.family === family) {
      const { ip } = this.#external;
      return {
        bindIp: isWildcardAddress(first) ? this.#behind(ip, first, reached, client) : first.ip,
        advertisedIp: ip,
      };
    }
    const bindIp = reached ?? (isWildcardAddress(first) ? this.#own(family) : first.ip);
    return bindIp === undefined ? undefined : { bindIp, advertisedIp: bindIp };
  }

  #behind(external: string, any: TransportAddress, reached: string | undefined, client: TransportAddress): string {
    if (this.#read().some(({ ip }) => ip === external)) return external;
    // A neighbour has not come through the NAT: what it reached may be another address than the one behind it.
    return scopeOf(client) === 'global' && reached !== undefined ? reached : any.ip;
  }

  /** For a client that asked over the other family. */
  #own(family: 4 | 6): string | undefined {
    const ours = this.#read().filter((address) => address.family === family);
    return ours.find(({ ip }) => scopeOf(transportAddress(ip, 0)) === 'global')?.ip ?? ours[0]?.ip;
  }
}
