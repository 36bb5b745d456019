import type { SystemClock } from '@wirepath/core';

/**
 * From now on the clock reads suspended time from the kernel where it can, to the millisecond; before, and elsewhere, it goes by
 * the uptime. After the start: it loads native code.
 */
export async function readSuspendedTimeFromKernel(clock: Pick<SystemClock, 'readBoottimeWith'>): Promise<void> {
  const { linuxBoottime } = await import('@wirepath/linux');
  const boottime = linuxBoottime();
  if (boottime !== undefined) clock.readBoottimeWith(boottime);
}
