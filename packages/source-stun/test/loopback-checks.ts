import { memoryLogger, systemClock, systemRandom } from '@wirepath/core';
import { formatAddress, type GatheredCandidate } from '@wirepath/core/plugin';
import { StaticOutside } from '@wirepath/testkit';
import { expect } from 'vitest';
import { parseServerName } from '../src/server-name.js';
import { StunSource } from '../src/stun-source.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { freePort, PRIMARY_IP } from './loopback-servers.js';

/** What a source finds with a real server on this machine, beside one that is dead. */
export async function expectAllThatLoopbackShows(server: string): Promise<void> {
  await using datagrams = await DgramDatagrams.open();
  const dead = `${PRIMARY_IP}:${await freePort(PRIMARY_IP)}`;
  const source = new StunSource(
    [dead, server].flatMap((text) => parseServerName(text) ?? []),
    { logger: memoryLogger(), clock: systemClock, random: systemRandom, outside: new StaticOutside() },
  );
  const context = { signal: new AbortController().signal, datagrams, listenPort: datagrams.bases[0]?.port };
  const started = performance.now();
  const found: (GatheredCandidate & { readonly afterMs: number })[] = [];
  for await (const candidate of source.gather(context))
    found.push({ ...candidate, afterMs: performance.now() - started });
  expect(found.map(({ address }) => formatAddress(address))).toEqual([`${PRIMARY_IP}:${datagrams.bases[0]?.port}`]);
  expect(found[0]?.afterMs).toBeLessThan(1000);
  expect(source.natBehavior()).toEqual({ mapping: 'endpoint-independent', filtering: 'endpoint-independent' });
  expect(source.problems()).toEqual([expect.stringContaining(`1 of 2 STUN servers is of no use: ${dead}`)]);
  expect(await source.refresh(context)).toBe(false);
  expect(datagrams.bases).toHaveLength(1);
  expect(datagrams.listenerCount).toBe(0);
}
