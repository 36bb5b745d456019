import {
  isFailure,
  setLink,
  type Link,
  type LinkChange,
  type NetlinkFailure,
  type NetlinkRequests,
} from '@wirepath/linux';
import type { Undoings } from './undoings.js';

export interface WantedLink {
  readonly name: string;
  readonly mtu: number;
}

/** Keeps the link itself: its name, its MTU, and that it is up. */
export class LinkKeeper {
  readonly #undoings: Undoings<string>;
  /** What was right when it was looked at last. */
  readonly #right = new Set<string>();
  /** What the kernel refuses. */
  refused: readonly { readonly what: string; readonly failure: NetlinkFailure }[] = [];

  constructor(undoings: Undoings<string>) {
    this.#undoings = undoings;
  }

  /** Another device: nothing was ever right there. */
  forget(): void {
    this.#right.clear();
  }

  /**
   * Puts right what is not, unless it has to wait.
   * @returns what was undone by somebody and is right again, in words, and whether anything was changed.
   */
  keep(
    link: Link,
    { name, mtu }: WantedLink,
    netlink: NetlinkRequests,
    now: number,
  ): { restored: string[]; changed: boolean } {
    const aspects: readonly [what: string, isRight: boolean, change: LinkChange][] = [
      [`the name of ${name}`, link.name === name, { name }],
      [`the MTU of ${name} (the rc file’s mtu is ${mtu})`, link.mtu === mtu, { mtu }],
      [`the state "up" of ${name}`, link.up, { up: true }],
    ];
    const undone = aspects.filter(([what, isRight]) => !isRight && this.#right.has(what)).map(([what]) => what);
    for (const what of undone) this.#undoings.undone(what, now);
    const tried = aspects.filter(([what, isRight]) => !isRight && this.#undoings.mayRestore(what, now));
    // WireGuard's own interfaces have no link-local address either: no router solicitations into the tunnel. Not every kernel
    // has the switch, and nothing depends on it.
    const quiet = link.ipv6 === 'absent' || link.quiet ? [] : [setLink(link.index, { quiet: true })];
    const outcomes = netlink.exchange([...quiet, ...tried.map(([, , change]) => setLink(link.index, change))]);
    this.refused = tried.flatMap(([what], i) => {
      const outcome = outcomes[quiet.length + i];
      return outcome !== undefined && isFailure(outcome) ? [{ what, failure: outcome }] : [];
    });
    const isRefused = (what: string) => this.refused.some((one) => one.what === what);
    for (const [what, isRight] of aspects) {
      const done = isRight || (tried.some(([one]) => one === what) && !isRefused(what));
      if (done) this.#right.add(what);
      else this.#right.delete(what);
    }
    return {
      restored: undone.filter((what) => this.#right.has(what)),
      changed: quiet.length + tried.length > 0,
    };
  }
}
