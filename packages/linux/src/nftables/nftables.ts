import { AttributeMap, decodeAttributes, attribute } from '../netlink/attributes.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { isFailure, NETLINK_NETFILTER, NetlinkError, NetlinkSocket } from '../netlink/netlink-socket.js';
import type { NetlinkRequest } from '../netlink/netlink-socket.js';
import { EAGAIN } from '../libc/errno.js';
import { SystemCallError } from '../libc/system-call-error.js';
import {
  batch,
  exchangeRules,
  makeSets,
  nftRequest,
  removeSets,
  removeTable,
  withFreeSetNames,
  type Table,
  type TableParts,
} from './table.js';

const NFGENMSG_BYTES = 4;
const DUMP_ATTEMPTS = 5;

/** A table as the kernel has it. */
export interface TableFound {
  readonly name: string;
  readonly comment: string | undefined;
}

export interface ChainFound {
  readonly name: string;
  /** Undefined: others jump into it. */
  readonly hook: { readonly number: number; readonly priority: number } | undefined;
  readonly rules: readonly RuleFound[];
}

export interface RuleFound {
  readonly handle: bigint;
  readonly comment: string | undefined;
  /** The names of its steps: `meta`, `cmp`. */
  readonly expressions: readonly string[];
  /** Of its `counter`, where it has one. */
  readonly packets: bigint | undefined;
  readonly bytes: bigint | undefined;
}

/** Tables of nftables in the family `inet`, straight from the kernel; each call is done when it returns. */
export class Nftables implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** @throws SystemCallError EPROTONOSUPPORT where the kernel has no netfilter. @throws NativeCodeError */
  static open(): Nftables {
    return new Nftables(NetlinkSocket.open(NETLINK_NETFILTER));
  }

  /** By which {@link watchTable} tells our changes from others'; 0 before the first. */
  get portId(): number {
    return this.#socket.portId;
  }

  /**
   * Makes the table, or gives it these chains, rules and sets in the place of what it has: no packet sees neither. A chain keeps
   * its hook. @returns the table with the names that its sets have got. @throws NetlinkError, SystemCallError.
   */
  replace(wanted: Table): Table {
    const { name } = wanted;
    const before = this.#parts(name);
    const table = withFreeSetNames(wanted, before.sets);
    this.#commit(makeSets(table));
    try {
      this.#commit(exchangeRules(table, before.chains));
    } catch (error) {
      const made = table.sets.map((set) => set.name);
      this.#commit(before.chains.length === 0 ? removeTable(name) : removeSets(name, made));
      throw error;
    }
    this.#commit(removeSets(name, before.sets));
    return table;
  }

  /** No error where there is none. @throws NetlinkError, SystemCallError. */
  remove(name: string): void {
    this.#commit(removeTable(name));
  }

  /** @throws NetlinkError, SystemCallError. */
  tables(): TableFound[] {
    return this.#dump(nftRequest('getTable', [])).map((of) => ({
      name: of.string(1) ?? '',
      comment: commentOf(of.bytes(6)),
    }));
  }

  /** Its chains with their rules; none where there is no such table. @throws NetlinkError, SystemCallError. */
  chains(table: string): ChainFound[] {
    const inTable = (of: AttributeMap) => of.string(1) === table;
    const rules = new Map<string, RuleFound[]>();
    // The kernel narrows rules to a table; of chains it lists all.
    for (const of of this.#dump(nftRequest('getRule', [attribute.string(1, table)])).filter(inTable)) {
      const chain = of.string(2) ?? '';
      rules.set(chain, [...(rules.get(chain) ?? []), ruleFrom(of)]);
    }
    return this.#dump(nftRequest('getChain', []))
      .filter(inTable)
      .map((of) => {
        const name = of.string(3) ?? '';
        return { name, hook: hookFrom(of.nested(4)), rules: rules.get(name) ?? [] };
      });
  }

  /**
   * How many elements a set has; an interval has a first and, but for one up to the last key, an end.
   * @throws NetlinkError, SystemCallError.
   */
  elements(table: string, set: string): number {
    const lists = this.#dump(nftRequest('getElements', [attribute.string(1, table), attribute.string(2, set)]));
    return lists.reduce((sum, of) => sum + decodeAttributes(of.bytes(3) ?? new Uint8Array()).length, 0);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #parts(table: string): TableParts {
    // Of all tables: to narrow sets to a table that is not there is an error.
    const names = (request: 'getChain' | 'getSet', name: number) =>
      this.#dump(nftRequest(request, []))
        .filter((of) => of.string(1) === table)
        .map((of) => of.string(name) ?? '');
    return { chains: names('getChain', 3), sets: names('getSet', 2) };
  }

  #commit(requests: readonly NetlinkRequest[]): void {
    if (requests.length === 0) return;
    const outcomes = this.#socket.exchange(batch(requests));
    const failure = outcomes.find(isFailure);
    if (failure !== undefined) throw new NetlinkError('nftables takes no change', failure);
    // The last of the batch but its end is acknowledged.
    if (outcomes.at(-2) !== 'done') throw new SystemCallError('nftables does not answer', 'recv', EAGAIN);
  }

  /** Read again where it changed meanwhile. */
  #dump(request: NetlinkRequest): AttributeMap[] {
    for (let attempt = 1; ; attempt++) {
      const { messages, interrupted } = this.#socket.dump(request);
      if (interrupted && attempt < DUMP_ATTEMPTS) continue;
      return messages.map(({ payload }: NetlinkMessage) => new AttributeMap(payload.subarray(NFGENMSG_BYTES)));
    }
  }
}

function hookFrom(of: AttributeMap | undefined): ChainFound['hook'] {
  return of && { number: of.be32(1) ?? 0, priority: (of.be32(2) ?? 0) | 0 };
}

function ruleFrom(of: AttributeMap): RuleFound {
  const steps = decodeAttributes(of.bytes(4) ?? new Uint8Array()).map(({ value }) => new AttributeMap(value));
  const counted = steps.find((step) => step.string(1) === 'counter')?.nested(2);
  return {
    handle: of.be64(3) ?? 0n,
    comment: commentOf(of.bytes(7)),
    expressions: steps.map((step) => step.string(1) ?? ''),
    packets: counted?.be64(2),
    bytes: counted?.be64(1),
  };
}

/** As the program `nft` keeps it: type 0, length, text with its zero. */
function commentOf(userdata: Uint8Array | undefined): string | undefined {
  for (let at = 0; userdata !== undefined && at + 2 <= userdata.length;) {
    const [type = 0, length = 0] = userdata.subarray(at);
    if (type === 0) return Buffer.from(userdata.subarray(at + 2, at + 1 + length)).toString('utf8');
    at += 2 + length;
  }
  return undefined;
}
