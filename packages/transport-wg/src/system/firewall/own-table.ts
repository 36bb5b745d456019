import type { Table } from '@wirepath/linux';
import type { Tables } from './firewall-system.js';
import type { ReversePathSettings } from './reverse-path.js';

/** In a rule's comment: this machine's `src_valid_mark` was 0 before us, and is to be 0 when the last of us goes. */
export const WAS_UNMARKED = 'src_valid_mark was 0';
/** By this the tables of ours are known, of whichever product. */
const LIFTED = "down' lifts it";

/** Each interface has a table of its own, so several nodes of one machine do not meet. */
export function tableName(product: string, interfaceName: string): string {
  return `${product}-${interfaceName}`;
}

export function tableComment(product: string): string {
  return `kill switch, or marks for the way back; '${product} ${LIFTED}`;
}

/** Whether a table, of whichever node, says that it is on us to set `src_valid_mark` back. */
export function saysWasUnmarked(tables: Tables, except?: string): boolean {
  const ours = tables.tables().filter(({ name, comment }) => name !== except && comment?.includes(LIFTED));
  return ours.some(({ name }) => saysSo(tables, name));
}

function saysSo(tables: Tables, name: string): boolean {
  return tables.chains(name).some(({ rules }) => rules.some(({ comment }) => comment === WAS_UNMARKED));
}

/**
 * Removes a table that a run left, and sets `src_valid_mark` back where that is on it and no other table needs it.
 * @returns a clause for each thing that was removed. @throws SystemCallError
 */
export function removeTable(tables: Tables, name: string, reversePath: ReversePathSettings): string[] {
  if (!tables.tables().some((table) => table.name === name)) return [];
  const wasUnmarked = saysSo(tables, name);
  tables.remove(name);
  const removed = [`the table ${name} of nftables`];
  if (!wasUnmarked || saysWasUnmarked(tables, name)) return removed;
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
