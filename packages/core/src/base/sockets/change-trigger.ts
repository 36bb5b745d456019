import type { Logger } from '../logging/logger.js';
import type { Clock } from '../time/clock.js';

/** Starts to call back when the network may have changed, until disposed of. */
export type ChangeTrigger = (onHint: () => void) => Disposable;

const POLL_INTERVAL_MS = 1000;
const REOPEN_DELAY_MS = 1000;

/** For systems that tell nobody: a hint every second. */
export function pollingTrigger(clock: Clock): ChangeTrigger {
  return (onHint) => {
    const wait = () =>
      clock.setTimeout(() => {
        timer = wait();
        onHint();
      }, POLL_INTERVAL_MS);
    let timer = wait();
    return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
  };
}

export interface TriggerSystem {
  readonly platform: NodeJS.Platform;
  /** As `@wirepath/linux` has it. */
  watchNetworkChanges(events: { onChange(): void; onLost(error: Error): void }): Disposable;
}

/** Netlink on Linux, opened again when it is lost; polling elsewhere and where netlink is refused (sandboxes). */
export function systemTrigger(system: TriggerSystem, clock: Clock, logger: Logger): ChangeTrigger {
  const poll = pollingTrigger(clock);
  if (system.platform !== 'linux') return poll;
  return (onHint) => {
    let current: Disposable | undefined;
    const open = (): void => {
      try {
        current = system.watchNetworkChanges({
          onChange: onHint,
          onLost: (error) => {
            logger.debug('netlink socket lost; opening another', { reason: error.message });
            // Changes may have gone unreported, now and until the next one is open.
            current = clock.setTimeout(() => {
              open();
              onHint();
            }, REOPEN_DELAY_MS);
            onHint();
          },
        });
      } catch (error) {
        logger.debug('changes of the network are polled for', { reason: String(error), intervalMs: POLL_INTERVAL_MS });
        current = poll(onHint);
      }
    };
    open();
    return { [Symbol.dispose]: () => current?.[Symbol.dispose]() };
  };
}
