import type { Table } from '@wirepath/linux';
import type { Tables } from './firewall-system.js';
import type { ReversePathSettings } from './reverse-path.js';

/** In a table's comment: this machine's `src_valid_mark` was 0 before us, and is to be 0 when the last of us goes. */
const WAS_UNMARKED = '[src_valid_mark was 0]';

/** Each interface has a table of its own, so several nodes of one machine do not meet. */
export function tableName(product: string, interfaceName: string): string {
  return `${product}-${interfaceName}`;
}

export function tableComment(
  product: string,
  { killSwitch, wasUnmarked }: { killSwitch: boolean; wasUnmarked: boolean },
) {
  const what = killSwitch ? `kill switch; '${product} down' lifts it` : 'marks of what comes back';
  return wasUnmarked ? `${what} ${WAS_UNMARKED}` : what;
}

/** Whether a table, of whichever node, says that it is on us to set `src_valid_mark` back. */
export function saysWasUnmarked(tables: Tables, except?: string): boolean {
  return tables.tables().some(({ name, comment }) => name !== except && comment?.includes(WAS_UNMARKED));
}

/**
 * Removes a table that a run left, and sets `src_valid_mark` back where that is on it and no other table needs it.
 * @returns a clause for each thing that was removed. @throws SystemCallError
 */
export function removeTable(tables: Tables, name: string, reversePath: ReversePathSettings): string[] {
  const found = tables.tables().find((table) => table.name === name);
  if (found === undefined) return [];
  tables.remove(name);
  const removed = [`the table ${name} of nftables`];
  if (!found.comment?.includes(WAS_UNMARKED) || saysWasUnmarked(tables, name)) return removed;
  reversePath.setUsesMark(false);
  return [...removed, 'the setting net.ipv4.conf.all.src_valid_mark'];
}

/**
 * Compares what the kernel has with what it was to get.
 * @returns what differs, in a few words; undefined where nothing does.
 */
export function difference(tables: Tables, wanted: Table): string | undefined {
  const found = new Map(tables.chains(wanted.name).map((chain) => [chain.name, chain]));
  for (const { name, hook, rules } of wanted.chains) {
    const chain = found.get(name);
    if (chain === undefined) return `no chain ${name}`;
    if (chain.hook?.priority !== hook?.priority) return `chain ${name} is elsewhere`;
    const steps = (list: readonly (readonly string[])[]) => list.map((names) => names.join(' ')).join('; ');
    const has = steps(chain.rules.map(({ expressions }) => expressions));
    const should = steps(rules.map(({ expressions }) => expressions.map((expression) => expression.name)));
    if (has !== should) return `chain ${name} has other rules`;
  }
  const lacking = wanted.sets.find(({ name, intervals }) => tables.elements(wanted.name, name) < intervals.length);
  return lacking && `the set ${lacking.name} lacks ranges`;
}
