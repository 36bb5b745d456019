/** Every delay of the path engine, in ms, with its reason. docs/path-engine.md is written from here. */

/** Between two ordinary checks to one peer: RFC 8445 14.2 allows no less than 5 ms. */
export const CHECK_PACING_MS = 5;

/** Checks a second over all peers, so that thousands of peers starting at once do not flood the uplink. */
export const CHECKS_PER_SECOND = 1000;
export const CHECK_BURST = 100;

/**
 * Ordinary checks to one peer on average, and at once: well above what any network of the simulator takes in its first
 * minute. A peer that sends new candidates without end has us send no more than this.
 */
export const PEER_CHECKS_PER_SECOND = 20;
export const PEER_CHECK_BURST = 3000;

/**
 * Gaps after the first, second, ... check of a pair. Short at first: the peer's NAT drops what comes before the peer has
 * sent, and the second check of either side finds the hole open. The last gap repeats until the budget is used up.
 */
export const CHECK_GAPS_MS = [60, 100, 160, 260, 420, 680, 1000] as const;

/** Calling again, with back-off, probes for this long: enough for the first six checks of every pair. */
export const RETRY_PROBING_MS = 3000;

/** A check that is not answered by then never will be. */
export const CHECK_EXPIRY_MS = 5000;

/** A node that yields the first handshake to the other waits this long, or three round trips, before it starts its own. */
export const HANDSHAKE_YIELD_MS = 100;

/** First and greatest delay before another initiation while there is no session: WireGuard's own 5 s is the ceiling. */
export const HANDSHAKE_RETRY_MS = 250;
export const HANDSHAKE_RETRY_MAX_MS = 5000;

/** WireGuard's REJECT_AFTER_TIME: a session lives no longer without a handshake. */
export const SESSION_MS = 180_000;

/** One trial of an endpoint on a device: long enough for a handshake to be lost once and repeated. */
export const ENDPOINT_TRIAL_MS = 6000;

/** Messages to one peer are at least this far apart; what changes in between goes into one message. */
export const MESSAGE_SPACING_MS = 40;

/** First and greatest delay between two calls to a peer that is not connected, doubling, with jitter. */
export const CALL_BACKOFF_MS = 1000;
export const CALL_BACKOFF_MAX_MS = 180_000;

/** Sending for this long without hearing anything authenticated: ask the path. */
export const SILENCE_MS = 100;

/**
 * A path that nothing was heard on for so long may have died meanwhile: what is sent next goes on the fallback too, and asks
 * at once, so that the first packet after a rebinding arrives.
 */
export const DOUBT_MS = 2000;

/** A probe of the active path has this long, or twice its round trip, to be answered before the path is suspect. */
export const PROBE_TIMEOUT_MS = 100;
export const PROBE_TIMEOUT_MAX_MS = 1000;

/** A suspect path yields to one that is no better only after this long: one lost probe is no reason to switch. */
export const SUSPECT_SWITCH_MS = 1000;

/** A new address of the peer on a path older than this means that its NAT has moved it; before, that both sides are still choosing. */
export const MOVE_AFTER_MS = 2000;

/** A suspect path that still says nothing is given up for another, if there is one; or shown as lost. */
export const SUSPECT_MS = 3000;

/** Within a tier, a path must be this much faster to be preferred ... */
export const RTT_GAIN_MS = 10;
export const RTT_GAIN_RATIO = 0.2;
/** ... heard no longer ago than this ... */
export const FRESH_MS = 30_000;
/** ... and near-equal paths switch at most this often. */
export const SWITCH_INTERVAL_MS = 60_000;

/** A NAT of which nothing is known remembers an idle mapping for at least this long: common ones do for 30 s. */
export const ASSUMED_LIFETIME_MS = 28_000;
/** Part of a NAT's lifetime after which its mapping is used again. */
export const LIFETIME_MARGIN = 0.9;

/** Part of the keepalive interval after which the controlling side asks; the other would at the whole, if nothing came. */
export const EARLIER_KEEPALIVE = 0.9;

/** A proven path that is not the active one is asked again this often while it is kept warm. */
export const WARM_INTERVAL_MS = 10_000;
/** For how long after losing the choice it is kept warm; longer while it loses, to see when that ends. */
export const WARM_MS = 30_000;

/** A path that carries data is asked this often, so that its round trip and loss are known although it is never silent. */
export const QUALITY_INTERVAL_MS = 2000;
/** A check counts as lost after this long, or three round trips. */
export const LOST_AFTER_MS = 500;
/** So many in a row, and the path is not lossy but dead. */
export const DEAD_AFTER_LOST = 5;
/** Weight of one check: about twenty of them count. */
export const LOSS_SMOOTHING = 0.05;
/** A path that loses more than the first is worse than any that does not, until it loses less than the second. */
export const LOSSY_FROM = 0.3;
export const LOSSY_UNTIL = 0.1;

/** A check of a loop trial has this long, or two round trips, before another goes out. */
export const LOOP_CHECK_MS = 100;
/** So long a trial may keep a pair from being used; what it has not shown to be a loop by then is taken for none. */
export const LOOP_TRIAL_MS = 2000;
/** A pair that was shown to be no loop is not tried again for so long, unless it goes silent. */
export const LOOP_CLEARED_MS = 60_000;
