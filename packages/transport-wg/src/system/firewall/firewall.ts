import { isDeepStrictEqual } from 'node:util';
import {
  CodedError,
  parseCidr,
  Sightings,
  type Cidr,
  type Clock,
  type Guard,
  type KillSwitch,
  type Logger,
} from '@wirepath/core/plugin';
import type { Table, TableChange } from '@wirepath/linux';
import { firewallOfSystem, type FirewallSystem, type Tables } from './firewall-system.js';
import { Fights } from './fights.js';
import type { KillSwitchSettings } from './kill-switch-options.js';
import { DROPPED, DROPPED_DNS, killSwitchTable } from './kill-switch-table.js';
import { noKillSwitch } from './no-kill-switch.js';
import { difference, removeTable, saysWasUnmarked, tableComment, tableName, WAS_UNMARKED } from './own-table.js';
import { returnPathChains } from './return-path-table.js';
import type { Mark } from './rules.js';

/** After a failure the table is tried again this soon, and at every change besides. */
const RETRY_MS = 1000;
/** Changes of the network come in swarms. */
const SETTLE_MS = 50;

export interface FirewallOptions {
  readonly interfaceName: string;
  /** Name of the product: its table is called after it. */
  readonly product: string;
  /** CIDRs of the interface: their networks are meant for it too. */
  readonly addresses: readonly string[];
  readonly mark: Mark;
  /** Undefined: there is none. */
  readonly killSwitch: KillSwitchSettings | undefined;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly clock: Clock;
  /** @default this machine's */
  readonly system?: FirewallSystem;
}

/**
 * Our one table of nftables: the kill switch, and the marks of what comes back where the system checks strictly where packets
 * come from. It is replaced whole, in one transaction, whenever what it depends on changes or somebody else changes it.
 */
export class Firewall implements KillSwitch {
  readonly #options: FirewallOptions;
  readonly #system: FirewallSystem;
  readonly #name: string;
  readonly #own: readonly Cidr[];
  readonly #fights: Fights;
  readonly #troubles: Sightings;
  #expected: readonly Cidr[] = [];
  readonly #routed = new Map<string, Cidr>();
  #unmarkedPort: number | undefined;
  #tables: Tables | undefined;
  #watches: Disposable[] = [];
  #timer: Disposable | undefined;
  #watchesTable = false;
  #returnPath = false;
  #wasUnmarked = false;
  #loaded = false;
  /** What the kernel was given last, and as it has it. */
  #set: { readonly wanted: Table; readonly given: Table } | undefined;
  #scheduled = false;
  #closed = false;

  constructor(options: FirewallOptions) {
    this.#options = options;
    this.#system = options.system ?? firewallOfSystem;
    this.#name = tableName(options.product, options.interfaceName);
    this.#own = options.addresses
      .flatMap((text) => parseCidr(text) ?? [])
      .filter(({ prefix, bytes }) => prefix < 8 * bytes.length);
    this.#fights = new Fights(options.clock);
    this.#troubles = new Sightings(options.clock);
  }

  /** Ranges that are meant for the tunnel whether or not their peers are there yet; in the place of those before. */
  expect(cidrs: readonly string[]): void {
    this.#expected = cidrs.flatMap((text) => parseCidr(text, { mapped: true }) ?? []);
    this.#schedule();
  }

  /** A range is a peer's, or nobody's any more. */
  setRouted(cidr: string, isRouted: boolean): void {
    const range = parseCidr(cidr, { mapped: true });
    if (range === undefined || this.#routed.has(range.network) === isRouted) return;
    if (isRouted) this.#routed.set(range.network, range);
    else this.#routed.delete(range.network);
    this.#schedule();
  }

  /** The UDP port of a device that does not mark its datagrams. */
  setUnmarkedPort(port: number): void {
    this.#unmarkedPort = port;
    this.#schedule();
  }

  /**
   * Before anything is sent: loads the kill switch in the place of what an earlier run left.
   * @throws CodedError KILL_SWITCH, PERMISSION_DENIED.
   */
  load(): void {
    if (this.#options.killSwitch === undefined) return;
    try {
      this.#begin();
      this.#replace();
    } catch (error) {
      throw noKillSwitch(error);
    }
    this.#options.logger.info('the kill switch is loaded', { table: this.#name });
  }

  /** Whether there is a kill switch. */
  get holds(): boolean {
    return this.#options.killSwitch !== undefined;
  }

  /** Loads the kill switch, to stay. @returns false: there is none. @throws CodedError KILL_SWITCH, PERMISSION_DENIED. */
  loadToStay(): boolean {
    this.load();
    this.close({ failed: true });
    return this.holds;
  }

  /** @returns a clause for each thing that was removed. @throws CodedError KILL_SWITCH, PERMISSION_DENIED. */
  lift(): string[] {
    try {
      using tables = this.#system.openTables();
      return removeTable(tables, this.#name, this.#system.reversePath);
    } catch (error) {
      throw noKillSwitch(error);
    }
  }

  /** Without a kill switch: removes one that an earlier run left, and sees to the return path where that is checked strictly. */
  start(): void {
    if (this.#tables !== undefined || this.#closed) return;
    try {
      this.#begin();
      this.#lookAtNetwork();
    } catch (error) {
      // No nftables here, or no right to it: then nothing was left either.
      this.#options.logger.debug('no firewall rules', { error: String(error) });
    }
  }

  problems(): string[] {
    return [...this.#fights.problems(), ...this.#troubles.problems()];
  }

  /** Packets that the kill switch has dropped. */
  counters(): Record<string, number> {
    if (this.#options.killSwitch === undefined || this.#tables === undefined) return {};
    try {
      const rules = this.#tables.chains(this.#name).flatMap((chain) => chain.rules);
      const packets = (wanted: string) =>
        rules.reduce((sum, { comment, packets: count = 0n }) => (comment === wanted ? sum + Number(count) : sum), 0);
      return { 'kill-switch.dropped': packets(DROPPED), 'kill-switch.dns': packets(DROPPED_DNS) };
    } catch {
      return {}; // It is being restored; then it counts anew.
    }
  }

  /**
   * @param options.failed the node ends because something failed: the kill switch stays, as after a kill.
   * Idempotent; never throws.
   */
  close({ failed = false }: { failed?: boolean } = {}): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
    const { killSwitch, logger, product } = this.#options;
    const stays = this.#loaded && killSwitch !== undefined && (failed || killSwitch.always);
    try {
      this.#returnPath = false;
      if (this.#tables !== undefined) this.#endMarks(this.#tables);
      if (stays) this.#keep(this.#wanted());
      else if (this.#loaded) this.#tables?.remove(this.#name);
      if (stays) logger.warn(`the kill switch stays; \`${product} down\` lifts it`, { table: this.#name });
    } catch (error) {
      logger.warn('the firewall rules were left behind', { table: this.#name, error: String(error) });
    }
    this.#tables?.[Symbol.dispose]();
    this.#tables = undefined;
  }

  #begin(): void {
    const { guard, interfaceName } = this.#options;
    const tables = this.#system.openTables();
    this.#tables = tables;
    this.#wasUnmarked = saysWasUnmarked(tables);
    this.#loaded = tables.tables().some(({ name }) => name === this.#name);
    const onChange = guard.wrap('network change', () => this.#later(SETTLE_MS, () => this.#lookAtNetwork()));
    this.#watches.push(this.#system.watchNetworkChanges({ onChange, onLost: onChange }));
    this.#returnPath = this.#needsReturnPath(interfaceName);
  }

  #watchTable(): void {
    const { guard } = this.#options;
    this.#watchesTable = true;
    this.#watches.push(
      this.#system.watchTable(this.#name, {
        onChange: guard.wrap('firewall change', (change: TableChange) => this.#changedByOthers(change)),
        onLost: guard.wrap('firewall change', () => {
          if (this.#closed) return;
          this.#watchTable();
          this.#apply();
        }),
      }),
    );
  }

  #changedByOthers({ portId, program, pid }: TableChange): void {
    if (this.#closed || !this.#loaded || portId === this.#tables?.portId) return;
    const by = program === undefined ? 'another program' : `${program} (process ${pid})`;
    this.#set = undefined;
    this.#fights.undone(by, `our firewall rules (table ${this.#name})`);
    if (this.#apply()) this.#options.logger.warn('the firewall rules were changed by others, and restored', { by });
  }

  #lookAtNetwork(): void {
    if (this.#closed) return;
    this.#returnPath = this.#needsReturnPath(this.#options.interfaceName);
    this.#apply();
  }

  #schedule(): void {
    if (this.#tables === undefined || this.#closed || this.#scheduled) return;
    this.#scheduled = true;
    // Many peers are often changed in one turn: one transaction for all of them.
    setImmediate(
      this.#options.guard.wrap('firewall', () => {
        this.#scheduled = false;
        this.#lookAtNetwork();
      }),
    );
  }

  #later(delayMs: number, work: () => void): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      work();
    }, delayMs);
  }

  /** @returns whether the table is as it should be. What fails is told, and tried again. */
  #apply(): boolean {
    if (this.#closed || this.#tables === undefined) return false;
    try {
      this.#replace();
      this.#troubles.settle('replace');
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.error('the firewall rules could not be set', { error: reason });
      this.#troubles.see('replace', () => `our firewall rules (table ${this.#name}) could not be set: ${reason}`);
      this.#later(RETRY_MS, () => this.#apply());
      return false;
    }
  }

  #replace(): void {
    const tables = this.#tables;
    if (tables === undefined) return;
    if (this.#returnPath) this.#beginMarks();
    else this.#endMarks(tables);
    const wanted = this.#wanted();
    if (wanted.chains.length === 0) {
      if (this.#loaded) tables.remove(this.#name);
      this.#loaded = false;
      this.#set = undefined;
      return;
    }
    // Before, so that nothing others do to it is missed.
    if (!this.#watchesTable) this.#watchTable();
    this.#keep(wanted);
    this.#loaded = true;
    const missing = this.#set && difference(tables, this.#set.given);
    if (missing !== undefined) throw new CodedError('KILL_SWITCH', `the kernel took our rules, but ${missing}`);
  }

  /** Nothing is done where that is what stands. */
  #keep(wanted: Table): void {
    const tables = this.#tables;
    if (tables === undefined) return;
    const set = this.#set;
    if (set && isDeepStrictEqual(wanted, set.wanted) && difference(tables, set.given) === undefined) return;
    this.#set = undefined;
    this.#set = { wanted, given: tables.replace(wanted) };
  }

  #wanted(): Table {
    const { killSwitch, interfaceName, mark, product } = this.#options;
    const comment = tableComment(product);
    const back = this.#returnPath
      ? returnPathChains(mark, interfaceName, this.#wasUnmarked ? WAS_UNMARKED : undefined)
      : [];
    if (killSwitch === undefined) return { name: this.#name, comment, sets: [], chains: back };
    const { dns, lan } = killSwitch;
    const { sets, chains } = killSwitchTable({
      interfaceName,
      mark,
      unmarkedPort: this.#unmarkedPort,
      meant: this.#meant(),
      dns,
      beside: lan === 'on-link' ? this.#system.onLinkNetworks(interfaceName) : lan,
      linkScope: lan === 'on-link' || lan.length > 0,
    });
    return { name: this.#name, comment, sets, chains: [...chains, ...back] };
  }

  #meant(): Cidr[] {
    return [...this.#own, ...this.#expected, ...this.#routed.values()];
  }

  /** Routes are looked up by rules only where the tunnel has a default route; IPv6 knows no such check. */
  #needsReturnPath(interfaceName: string): boolean {
    const isPolicyRouted = this.#meant().some(({ family, prefix }) => family === 4 && prefix === 0);
    return isPolicyRouted && this.#system.reversePath.isStrict(interfaceName);
  }

  #beginMarks(): void {
    const { reversePath } = this.#system;
    if (reversePath.usesMark()) return;
    try {
      reversePath.setUsesMark(true);
      this.#wasUnmarked = true;
      this.#troubles.settle('src_valid_mark');
    } catch (error) {
      this.#options.logger.warn('src_valid_mark could not be set', { error: String(error) });
      this.#troubles.see(
        'src_valid_mark',
        () =>
          'replies to our own TCP connections may be dropped: the reverse path check is strict (rp_filter 1) and does not know our mark: `sysctl -w net.ipv4.conf.all.src_valid_mark=1`',
      );
    }
  }

  /** As it was before, where no other node needs it. */
  #endMarks(tables: Tables): void {
    if (!this.#wasUnmarked) return;
    this.#wasUnmarked = false;
    if (saysWasUnmarked(tables, this.#name)) return;
    try {
      this.#system.reversePath.setUsesMark(false);
    } catch (error) {
      this.#options.logger.warn('src_valid_mark could not be set back', { error: String(error) });
    }
  }
}
