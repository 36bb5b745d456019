import type { TransportAddress } from '@wirepath/stun-codec';
import type { Clock } from '../../base/time/clock.js';
import type { DnsAsk, DnsOutcome, DnsQuestion, DnsWay } from '../../base/names/dns-question.js';

/** A way to one DNS server. It tells of nothing that comes from elsewhere, and of nothing once it is closed. */
export interface DnsLine {
  /** A message, without the length that TCP puts before it. */
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface DnsLineEvents {
  /** A message came, of whatever content. */
  message(bytes: Uint8Array): void;
  /** Nothing comes any more. @param reason for people: `connection refused`. */
  failed(reason: string): void;
}

/** Opens ways to DNS servers. Fails by telling so. */
export type OpenDnsLine = (server: TransportAddress, over: DnsWay, events: DnsLineEvents) => DnsLine;

/**
 * Runs a {@link DnsQuestion} with sockets and time, to its outcome.
 * @throws the signal's reason.
 */
export function askQuestion(
  question: DnsQuestion,
  servers: readonly TransportAddress[],
  { openLine, clock, signal }: { openLine: OpenDnsLine; clock: Clock; signal: AbortSignal },
): Promise<DnsOutcome> {
  return new Promise((resolve, reject) => {
    const lines = new Map<string, DnsLine>();
    let timer: Disposable | undefined;
    let isOver = false;
    const end = (): void => {
      isOver = true;
      timer?.[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      for (const line of lines.values()) line.close();
    };
    const onAbort = (): void => {
      end();
      reject(signal.reason as Error);
    };
    const lineTo = ({ server, over }: DnsAsk, address: TransportAddress): DnsLine => {
      const key = `${over} ${server}`;
      const known = lines.get(key);
      if (known !== undefined) return known;
      const line = openLine(address, over, {
        message: (bytes) => step((now) => question.answered(server, over, bytes, now)),
        failed: (reason) => {
          lines.get(key)?.close();
          lines.delete(key);
          step((now) => question.failed(server, over, reason, now));
        },
      });
      lines.set(key, line);
      return line;
    };
    const step = (event: (now: number) => DnsAsk[]): void => {
      if (isOver) return;
      for (const ask of event(clock.now())) {
        const address = servers[ask.server];
        if (address !== undefined) lineTo(ask, address).send(ask.bytes);
      }
      if (question.outcome !== undefined) {
        end();
        return resolve(question.outcome);
      }
      timer?.[Symbol.dispose]();
      const dueMs = question.nextTimeout() ?? Infinity;
      timer = clock.setTimeout(
        () => step((now) => question.handleTimeout(now)),
        Math.max(1, Math.ceil(dueMs - clock.now())),
      );
    };
    if (signal.aborted) return reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    step((now) => question.start(now));
  });
}
