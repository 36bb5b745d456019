import { within } from '../../base/time/deadline.js';
import type { WiredNode } from './create-container.js';
import { TOKENS } from './tokens.js';

/** Below what the node waits for any one part, so that a source that hangs is named. */
const STOP_TIMEOUT_MS = 4000;

/** Candidate sources take back what others hold for them, all at once. One that fails or hangs is logged, and holds up nobody. */
export async function stopSources(wired: WiredNode): Promise<void> {
  const [clock, logger] = [wired.get(TOKENS.Clock), wired.get(TOKENS.Logger)];
  const stopping = wired.get(TOKENS.CandidateSources).map(async ({ plugin, instance }) => {
    try {
      await within(async () => instance.stop?.(), { clock, timeoutMs: STOP_TIMEOUT_MS, what: `${plugin}: stop` });
    } catch (error) {
      logger.error(`${plugin} did not stop cleanly`, { component: plugin, error });
    }
  });
  await Promise.all(stopping);
}
