/** When a request is sent again, and when it is given up: the parameters of RFC 8489, section 6.2.1. */
export interface Schedule {
  readonly rtoMs: number;
  /** Rc. */
  readonly maxAttempts: number;
  /** Rm. */
  readonly finalWaitFactor: number;
}

/** RFC 8489: the RTO for a server whose round trip is not known. */
const FIRST_RTO_MS = 500;
const MIN_RTO_MS = 100;
const MAX_RTO_MS = 1000;
/** RFC 8489 would wait for 39.5 s. Nobody does: the next refresh asks again. */
const PATIENCE_MS = 5000;
/** The last time that a request is sent again, so that its answer has time to come. */
const LAST_SEND_MS = 3500;

/**
 * For a server that should answer: doubling intervals from the RTO on, given up after 5 s however short they are.
 * @param rttMs the newest round trip to this server, from which RFC 6298 takes three times as the first RTO.
 */
export function requestSchedule(rttMs: number | undefined): Schedule {
  const rtoMs = rttMs === undefined ? FIRST_RTO_MS : clamp(3 * rttMs, MIN_RTO_MS, MAX_RTO_MS);
  const maxAttempts = 1 + Math.floor(Math.log2(LAST_SEND_MS / rtoMs + 1));
  const lastSendMs = rtoMs * (2 ** (maxAttempts - 1) - 1);
  return { rtoMs, maxAttempts, finalWaitFactor: (PATIENCE_MS - lastSendMs) / rtoMs };
}

/**
 * For a test whose answer may be silence: three sends, and little more than the round trip that the server is known to
 * need. 0.9 s for one nearby, never more than 1.25 s.
 */
export function testSchedule(rttMs: number | undefined): Schedule {
  const rtoMs = clamp(2 * (rttMs ?? 75), 150, 250);
  return { rtoMs, maxAttempts: 3, finalWaitFactor: clamp(2 * (rttMs ?? 75), 450, 500) / rtoMs };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
