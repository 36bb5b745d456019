import { lstatOf, type Logger } from '@wirepath/core';
import type * as Linux from '@wirepath/linux';
import { dirname } from 'node:path';
import { errorSentence } from '../wording/error-line.js';

export interface RightsOptions {
  /** Capabilities that the plugins need while they run. */
  readonly keep: readonly string[];
  /** What is read or removed again later: the rc file and the control socket. */
  readonly paths: readonly string[];
  readonly logger: Logger;
  /** Aborted when the process is to stop. */
  readonly signal: AbortSignal;
}

/**
 * As root on Linux: gives up what is not needed any more now that everything is open. What failed is logged, and nothing else
 * depends on it.
 * @returns once no JavaScript runs with more; the promise within, once the threads that read files for it have no more either.
 */
export async function giveUpRights({ keep, paths, logger, signal }: RightsOptions): Promise<{ done: Promise<void> }> {
  // Another user has what a unit gave it, and its bounding set is the unit's.
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return { done: Promise.resolve() };
  const failed = (error: unknown): void => {
    if (!signal.aborted) logger.warn('not all rights of root were given up', { error: errorSentence(error) });
  };
  let linux: typeof Linux;
  try {
    linux = await import('@wirepath/linux');
  } catch (error) {
    failed(error);
    return { done: Promise.resolve() };
  }
  const { dropRights, capabilityNames } = linux;
  // Root without this right reads root's files only: a `sudo` with the user's own rc file reads it again on SIGHUP.
  const kept = paths.every(belongsToRoot) ? keep : [...keep, 'CAP_DAC_READ_SEARCH'];
  const done = dropRights(kept, { signal }).then(({ threads, holdingMore }) => {
    const own = threads.find(({ tid }) => tid === process.pid);
    logger.debug('rights of root were given up', {
      kept: own === undefined ? kept : capabilityNames(own.permitted),
      threads: threads.length - holdingMore.length,
      threadsOfV8: holdingMore.length,
    });
  }, failed);
  return { done };
}

function belongsToRoot(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    try {
      if (lstatOf(at).uid !== 0) return false;
    } catch {
      // Gone, or out of sight: more rights rather than a node that cannot stop or reload.
      return false;
    }
    if (at === dirname(at)) return true;
  }
}
