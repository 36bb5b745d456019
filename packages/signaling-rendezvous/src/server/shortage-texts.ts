import type { ServerLimits } from '../protocol/server-limits.js';
import type { Shortage } from './shortages.js';

const ALLOW = 'to keep strangers out, name the keys you admit in `allow` or `allowFile`';

/** What each limit says when it was met: what was done, to whom, and the cure. */
export function shortageTexts(limits: () => ServerLimits): readonly Shortage[] {
  const text = (counter: string, describe: (count: number) => string): Shortage => ({ counter, describe });
  const mebibytes = () => `${Math.round(limits().maxQueuedBytesTotal / 2 ** 20)} MiB`;
  return [
    text(
      'closed.largest-queue',
      (count) =>
        `the memory for messages (${mebibytes()}) was full: ${clients(count)} with the most that was not read ${was(count)} disconnected, the others go on; see why they do not read, and ${ALLOW}`,
    ),
    text(
      'closed.slow-reader',
      (count) =>
        `${clients(count)} did not read for ${limits().slowReaderMs / 1000} s what was sent to them and ${was(count)} disconnected; see whether their machines or links hang, and ${ALLOW}`,
    ),
    text(
      'closed.group-share',
      (count) =>
        `all ${limits().maxClients} places were taken: ${clients(count)} of the address blocks with the most of them made room for others; raise \`maxClients\`, or ${ALLOW}`,
    ),
    text(
      'closed.full',
      (count) =>
        `all ${limits().maxClients} places were taken: ${clients(count)} ${was(count)} turned away; raise \`maxClients\`, or ${ALLOW}`,
    ),
    text(
      'closed.evicted',
      (count) =>
        `${limits().maxUnproven} connections waited for their registration: ${count} of the address blocks with the most of them ${was(count)} closed; where that goes on, limit new connections for each address in the firewall`,
    ),
    text(
      'dropped.handshakes',
      (count) =>
        `${limits().maxHandshakes} connections had said nothing yet: ${count} of the address blocks with the most of them ${was(count)} closed; where that goes on, limit new connections for each address in the firewall`,
    ),
    text(
      'dropped.ip-connections',
      (count) =>
        `${count} connections were refused to addresses that have ${limits().maxConnectionsPerIp} already; if that is a reverse proxy, put it on this machine and listen on loopback`,
    ),
    text(
      'dropped.ip-connection-rate',
      (count) =>
        `${count} connections were refused to addresses that made more than ${limits().connectionRate.perSecond} a second; if that is a reverse proxy, put it on this machine and listen on loopback`,
    ),
    text(
      'dropped.waiting-list-full',
      (count) => `${count} times a sender will not be told when the one it asked for comes; ${ALLOW}`,
    ),
  ];
}

function clients(count: number): string {
  return count === 1 ? '1 client' : `${count} clients`;
}

function was(count: number): string {
  return count === 1 ? 'was' : 'were';
}
