/** What was counted at all, under names of the table of counters. */
export function counted(prefix: string, counts: Readonly<Record<string, number>> = {}): Record<string, number> {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return Object.fromEntries(some.map(([reason, count]) => [prefix + reason, count]));
}
