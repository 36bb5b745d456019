import type { Logger } from '@wirepath/core/plugin';
import { letRoutersFragment, markSocket } from './socket-options.js';

/**
 * Gives a socket the mark that routing knows our datagrams by, and has them go without DF: a tunnel whose large packets a link
 * on the way cannot take would swallow them without a word where ICMP is dropped. What cannot be had is logged.
 */
export function prepareSocket({ fd, family }: { fd: number; family: 4 | 6 }, mark: number, logger: Logger): void {
  try {
    markSocket(fd, mark);
  } catch (error) {
    // The rules know our port too, so only extra sockets and strict setups depend on the mark.
    logger.warn('our datagrams are not marked', { error: (error as Error).message });
  }
  // IPv6 has no DF: routers never fragment, and only the sender can.
  if (family === 6) return;
  try {
    letRoutersFragment(fd);
  } catch (error) {
    logger.warn('our datagrams may not be fragmented on their way', { error: (error as Error).message });
  }
}
