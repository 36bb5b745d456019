import { readFile } from 'node:fs/promises';
import {
  EdgeGuard,
  memoryLogger,
  SharedTlsListeners,
  systemClock,
  systemRandom,
  type Clock,
  type MemoryLogger,
} from '@wirepath/core';
import { StaticOutside } from '@wirepath/testkit';
import type { Guard, ConfigFiles, ProductNames, RandomSource, TlsListeners } from '@wirepath/core/plugin';

export interface TestNeeds {
  readonly logger: MemoryLogger;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly random: RandomSource;
  readonly files: ConfigFiles;
  readonly product: ProductNames;
  readonly tlsListeners: TlsListeners;
  readonly outside: StaticOutside;
}

/** Everything that a plugin or a server part of this package asks for. */
export function testNeeds(
  options: { clock?: Clock; files?: Readonly<Record<string, string>>; names?: Readonly<Record<string, string[]>> } = {},
): TestNeeds {
  const { clock = systemClock, files = {}, names = {} } = options;
  const logger = memoryLogger();
  const guard = EdgeGuard.create('test', { logger, clock });
  const configFiles: ConfigFiles = {
    resolve: (path) => path,
    readTrusted: () => Promise.reject(new Error('there are no such files')),
    readSecret: (path) => {
      const text = files[path];
      return text === undefined ? readFile(path, 'utf8') : Promise.resolve(text);
    },
  };
  return {
    logger,
    clock,
    guard,
    random: systemRandom,
    files: configFiles,
    product: { name: 'test', runtimeFolder: '/nonexistent' },
    outside: new StaticOutside(names),
    tlsListeners: new SharedTlsListeners({ clock, guard, random: systemRandom, files: configFiles }),
  };
}
