/** A block of addresses, a sender: whatever shares are counted of. Its members are in the blocks below it, or its own. */
interface Block<Member> {
  readonly name: string;
  readonly parent: Block<Member> | undefined;
  /** Members in it and below. */
  count: number;
  readonly children: Map<string, Block<Member>>;
  /** Children by their count, so that the largest is found without looking at all of them. */
  readonly byCount: Map<number, Set<Block<Member>>>;
  largestCount: number;
  oldest: Entry<Member> | undefined;
  newest: Entry<Member> | undefined;
}

interface Entry<Member> {
  readonly member: Member;
  readonly block: Block<Member>;
  older: Entry<Member> | undefined;
  newer: Entry<Member> | undefined;
}

/**
 * Who shares a place that is bounded, and who has the most of it: members in blocks, blocks in wider ones. It bounds
 * nothing itself; it tells who is to yield, so that whoever has little of it can have more at the cost of whoever has
 * the most. Every step takes as long as there are levels, however many members there are.
 */
export class FairShares<Member> {
  readonly #entries = new Map<Member, Entry<Member>>();
  readonly #root: Block<Member> = newBlock('', undefined);

  get size(): number {
    return this.#entries.size;
  }

  /** @param levels the blocks that the member is in, widest first. A member that is in already stays where it is. */
  add(member: Member, levels: readonly string[]): void {
    if (this.#entries.has(member)) return;
    let block = this.#root;
    for (const name of levels) {
      let child = block.children.get(name);
      if (child === undefined) {
        child = newBlock(name, block);
        block.children.set(name, child);
      }
      block = child;
    }
    const entry: Entry<Member> = { member, block, older: block.newest, newer: undefined };
    if (block.newest) block.newest.newer = entry;
    else block.oldest = entry;
    block.newest = entry;
    this.#entries.set(member, entry);
    for (let each: Block<Member> | undefined = block; each; each = each.parent) recount(each, +1);
  }

  /** @returns whether it was in. */
  delete(member: Member): boolean {
    const entry = this.#entries.get(member);
    if (!entry) return false;
    this.#entries.delete(member);
    const { block, older, newer } = entry;
    if (older) older.newer = newer;
    else block.oldest = newer;
    if (newer) newer.older = older;
    else block.newest = older;
    for (let each: Block<Member> | undefined = block; each; each = each.parent) recount(each, -1);
    return true;
  }

  /** The oldest member of the block that has the most, at each level. Undefined where there is nobody. */
  oldestOfLargest(): Member | undefined {
    return largestLeaf(this.#root).oldest?.member;
  }

  /**
   * Who yields to one more member of `levels`: the newest of the block that has the most. That block keeps no less than
   * the newcomer's gets, so two who are about equal don't push each other out for ever.
   * @returns undefined where nobody has more: then the newcomer is the one to go.
   */
  yieldingTo(levels: readonly string[]): Member | undefined {
    let block = this.#root;
    for (const name of levels) {
      const own = block.children.get(name);
      if ((own?.count ?? 0) + 2 <= block.largestCount) return largestLeaf(block).newest?.member;
      if (!own) return undefined;
      block = own;
    }
    return undefined;
  }
}

function newBlock<Member>(name: string, parent: Block<Member> | undefined): Block<Member> {
  return {
    name,
    parent,
    count: 0,
    children: new Map(),
    byCount: new Map(),
    largestCount: 0,
    oldest: undefined,
    newest: undefined,
  };
}

function recount<Member>(block: Block<Member>, by: 1 | -1): void {
  const before = block.count;
  const count = before + by;
  block.count = count;
  const { parent } = block;
  if (!parent) return;
  const equals = parent.byCount.get(before);
  equals?.delete(block);
  if (equals?.size === 0) parent.byCount.delete(before);
  if (count === 0) {
    parent.children.delete(block.name);
  } else {
    const now = parent.byCount.get(count);
    if (now) now.add(block);
    else parent.byCount.set(count, new Set([block]));
  }
  // A count changes by one, so the largest does.
  if (count > parent.largestCount) parent.largestCount = count;
  else if (before === parent.largestCount && !parent.byCount.has(before)) parent.largestCount = count;
}

function largestLeaf<Member>(from: Block<Member>): Block<Member> {
  let block = from;
  for (;;) {
    const [largest] = block.byCount.get(block.largestCount) ?? [];
    if (!largest) return block;
    block = largest;
  }
}
