import type { PublicKey } from '@wirepath/core/plugin';

/** What a frame costs beside its bytes, so that many small ones are not held for nothing. */
const OVERHEAD_BYTES = 128;

export interface QueuedFrame {
  readonly bytes: Uint8Array;
  /** Who is told when it is dropped; undefined for the server's own. */
  readonly from: PublicKey | undefined;
}

interface Branch {
  readonly name: string;
  readonly parent: Branch | undefined;
  /** In the order in which they have their turns. */
  readonly children: Map<string, Branch>;
  readonly frames: QueuedFrame[];
  costBytes: number;
}

/**
 * Frames of many senders for one client that reads slowly. Blocks of addresses have turns, in each the blocks below, then
 * the senders: one sender's flood waits for itself, not another's frame for the flood.
 */
export class FairQueue {
  readonly #root = newBranch('', undefined);

  /** What it holds, with what holding it costs. */
  get costBytes(): number {
    return this.#root.costBytes;
  }

  /** @param path blocks of addresses, widest first, and the sender. */
  put(frame: QueuedFrame, path: readonly string[]): void {
    let branch = this.#root;
    for (const name of path) {
      let child = branch.children.get(name);
      if (!child) {
        child = newBranch(name, branch);
        branch.children.set(name, child);
      }
      branch = child;
    }
    branch.frames.push(frame);
    charge(branch, costOf(frame));
  }

  /** Takes out the next frame in turn. */
  next(): QueuedFrame | undefined {
    let branch = this.#root;
    for (let [first] = branch.children.values(); first; [first] = branch.children.values()) {
      branch.children.delete(first.name);
      branch.children.set(first.name, first);
      branch = first;
    }
    return takeOldest(branch);
  }

  /** Takes out the oldest frame of the sender that has the most in it, of the block that has the most. */
  dropFromLargest(): QueuedFrame | undefined {
    let branch = this.#root;
    while (branch.children.size > 0) {
      let largest: Branch | undefined;
      for (const child of branch.children.values())
        if (!largest || child.costBytes > largest.costBytes) largest = child;
      if (largest) branch = largest;
    }
    return takeOldest(branch);
  }
}

function newBranch(name: string, parent: Branch | undefined): Branch {
  return { name, parent, children: new Map(), frames: [], costBytes: 0 };
}

function costOf({ bytes }: QueuedFrame): number {
  return bytes.length + OVERHEAD_BYTES;
}

function takeOldest(branch: Branch): QueuedFrame | undefined {
  const frame = branch.frames.shift();
  if (frame) charge(branch, -costOf(frame));
  return frame;
}

function charge(leaf: Branch, bytes: number): void {
  for (let branch: Branch | undefined = leaf; branch; branch = branch.parent) {
    branch.costBytes += bytes;
    if (branch.costBytes === 0) branch.parent?.children.delete(branch.name);
  }
}
