/**
 * Host candidates, and the physical egress of this machine: the interface through which it reaches the internet without
 * a mesh or tunnel in between.
 *
 * In an rc file:
 *
 * ```yaml
 * plugins:
 *   - ["@wirepath/source-host", { interfaces: { exclude: ["docker*"] }, maxCandidates: 8 }]   # all options may be left out
 * ```
 *
 * In code:
 *
 * ```ts
 * import { SystemEgress, pinOrWarn } from '@wirepath/source-host';
 *
 * const egress = new SystemEgress({ logger, clock, node });
 * const [best] = await egress.detect();
 * if (best !== undefined) pinOrWarn(egress, probeSocket, best.interfaceName, logger);
 * ```
 *
 * @packageDocumentation
 */
export { default } from './plugin.js';
export { pinOrWarn } from './pin-or-warn.js';
export { SystemEgress, type SystemEgressNeeds } from './system-egress.js';
