import { tryTransportAddress } from '@wirepath/stun-codec';
import { isKernelInterfaceName } from '../../base/addresses/interface-name.js';
import type { Clock } from '../../base/time/clock.js';
import type { Egress, PhysicalEgress } from '../../contracts/egress.js';
import type { Signaling, SignalingState } from '../../contracts/signaling.js';
import { oneLine, type Refusals } from '../../base/guard/refusals.js';
import { within } from '../../base/time/deadline.js';

/** Looking at routes and interfaces; nothing is asked over the network. */
const DETECT_TIMEOUT_MS = 10_000;
/** A machine has few ways out, and a plugin few servers. */
const MAX_ITEMS = 64;

const EVIDENCE = ['route', 'interface', 'connect'];
const STATES = ['up', 'connecting', 'down'];

/** The plugin's egress, of whose answers only those count that are ways out. */
export function checkedEgress(egress: Egress, plugin: string, clock: Clock, refusals: Refusals): Egress {
  return replacing(egress, {
    detect: async (options?: { signal?: AbortSignal }) => {
      const found = await within(() => egress.detect(options), {
        clock,
        timeoutMs: DETECT_TIMEOUT_MS,
        what: `${plugin}: detect`,
        ...(options?.signal && { signal: options.signal }),
      });
      return plain(found, refusals, 'an egress', egressOf);
    },
  });
}

/** The plugin's signalling, of whose states only those are told that can be. */
export function checkedSignaling(signaling: Signaling, refusals: Refusals): Signaling {
  return replacing(signaling, { states: () => plain(signaling.states(), refusals, 'a signalling state', stateOf) });
}

function egressOf({
  interfaceName,
  family,
  ip,
  gateway,
  metric,
  evidence,
}: PhysicalEgress): PhysicalEgress | undefined {
  const address = tryTransportAddress(ip, 0);
  if (typeof interfaceName !== 'string' || !isKernelInterfaceName(interfaceName)) return undefined;
  if (address === undefined || address.family !== family || !EVIDENCE.includes(evidence)) return undefined;
  const known = typeof metric === 'number' && Number.isFinite(metric) ? { metric } : {};
  const nextHop = tryTransportAddress(gateway ?? '', 0);
  const through = nextHop?.family === family ? { gateway: nextHop.ip } : {};
  return { interfaceName, family, ip: address.ip, ...through, ...known, evidence };
}

function stateOf({ url, state, sinceMs, error }: SignalingState): SignalingState | undefined {
  if (typeof url !== 'string' || !STATES.includes(state)) return undefined;
  // What no Date can hold has no text either.
  if (typeof sinceMs !== 'number' || Number.isNaN(new Date(sinceMs).getTime())) return undefined;
  if (error !== undefined && typeof error !== 'string') return undefined;
  return { url: oneLine(url), state, sinceMs, ...(error === undefined ? {} : { error }) };
}

/** What `read` makes of each; what it makes nothing of, or throws at, is refused. */
function plain<T>(list: unknown, refusals: Refusals, subject: string, read: (item: T) => T | undefined): T[] {
  if (!Array.isArray(list)) {
    refusals.refuse(subject, 'expected a list of them');
    return [];
  }
  let wrong = list.length > MAX_ITEMS;
  const items = (list as T[]).slice(0, MAX_ITEMS).flatMap((item) => {
    const checked = readOrNothing(item, read);
    wrong ||= checked === undefined;
    return checked === undefined ? [] : [checked];
  });
  if (wrong) refusals.refuse(subject, `expected ${subject} as the contract has it, and at most ${MAX_ITEMS}`);
  else refusals.settle(subject);
  return items;
}

function readOrNothing<T>(item: T, read: (item: T) => T | undefined): T | undefined {
  try {
    return read(item);
  } catch {
    // Nothing there to read, or a getter that throws.
    return undefined;
  }
}

function replacing<T extends object>(instance: T, methods: Partial<T>): T {
  return new Proxy(instance, {
    get: (target, key) =>
      Object.hasOwn(methods, key) ? (methods[key as keyof T] as unknown) : (Reflect.get(target, key) as unknown),
  });
}
