import type { StunTurnServerOptions } from './server-options.js';

/** Of `turn.tls`: read again. */
const withoutFiles = (key: string, value: unknown) => (key === 'certFile' || key === 'keyFile' ? undefined : value);

/** What `reload` takes over of `turn`. */
const TAKEN = new Set([
  'users',
  'usersFile',
  'secrets',
  'secretsFile',
  'maxAllocations',
  'quotaPerUser',
  'maxBitsPerSecond',
]);

/** Keys that are other than those the sockets were opened with. */
export function untakenOf(before: StunTurnServerOptions, after: StunTurnServerOptions): string[] {
  return (['stun', 'turn'] as const).flatMap((section) => {
    const [old, now]: Readonly<Record<string, unknown>>[] = [{ ...before[section] }, { ...after[section] }];
    const keys = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])];
    return keys
      .filter(
        (key) =>
          !TAKEN.has(key) && JSON.stringify(old?.[key], withoutFiles) !== JSON.stringify(now?.[key], withoutFiles),
      )
      .map((key) => `${section}.${key} has changed`);
  });
}
