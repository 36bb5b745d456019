import type { Lab } from '../../src/index.js';

/** The default mark of ours, and its mask. */
const OURS = 'meta mark & 0x7f == 0x57';

/**
 * Counts what leaves a host by its real interfaces and is neither ours nor what a link itself needs (neighbour discovery,
 * group membership).
 */
export class SentInTheClear {
  private constructor(
    private readonly lab: Lab,
    private readonly host: string,
  ) {}

  static async count(lab: Lab, host: string): Promise<SentInTheClear> {
    const rules = `table inet clear {
      chain out {
        type filter hook postrouting priority 300; policy accept;
        oifname != "eth*" return
        ${OURS} return
        meta l4proto ipv6-icmp icmpv6 type { 130-132, 133-137, 143 } return
        meta l4proto igmp return
        counter name seen
        meta nfproto ipv4 add @leaked4 { meta l4proto . ip daddr }
        meta nfproto ipv6 add @leaked6 { meta l4proto . ip6 daddr }
      }
      counter seen { }
      set leaked4 { typeof meta l4proto . ip daddr; flags dynamic; size 64; }
      set leaked6 { typeof meta l4proto . ip6 daddr; flags dynamic; size 64; }
    }\n`;
    await lab.exec(host, ['nft', '-f', '-'], { input: rules });
    return new SentInTheClear(lab, host);
  }

  /** Packets since the start, or since {@link reset}. */
  async packets(): Promise<number> {
    const listing = await this.lab.exec(this.host, ['nft', 'list', 'counter', 'inet', 'clear', 'seen']);
    return Number(/packets (\d+)/.exec(listing)?.[1]);
  }

  /** What they were, for a test that failed. */
  async listing(): Promise<string> {
    return this.lab.exec(this.host, ['nft', 'list', 'table', 'inet', 'clear']);
  }

  async reset(): Promise<void> {
    await this.lab.exec(this.host, ['nft', 'reset', 'counter', 'inet', 'clear', 'seen']);
  }
}
