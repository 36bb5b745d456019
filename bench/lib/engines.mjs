/** What throughput.mjs lets carry packets: each a name and a way to join two namespaces. */
import { spawnSync } from 'node:child_process';
import { joinByNebula, joinByPrototype, joinByWireGuard, wireguardGoEnd, wirepathEnd } from './tunnels.mjs';

const present = (program) => spawnSync('which', [program]).status === 0;

/** What all others are compared with. */
export const REFERENCE = 'wireguard-go';
/** Our own engine as it is without any option. */
export const OURS = 'wirepath';

const wireguard = (name, ends) => ({ name, join: (lab) => joinByWireGuard(lab, ends()) });
const ours = (name, transport) => ({
  ...wireguard(name, () => [wirepathEnd({ transport }), wirepathEnd({ transport })]),
  transport,
});

/** @returns the pair of a prototype's entry and ours that work with the same cryptography. */
export const prototypeName = (crypto) => `prototype ${crypto}`;
export const oursName = (crypto) => (crypto === 'default' ? OURS : `${OURS} ${crypto}`);
export const withoutName = (tricks) => `${OURS} without ${tricks}`;

/**
 * @param ladder what `crypto` our entries pin, `default`: nothing.
 * @param without what `avoid` of our entries names, each one or several joined by `+`.
 * @param builds name and path of other builds' wirepath.js. @param binaries name and path of programs with wireguard-go's arguments.
 * @param prototype script, or undefined. @param prototypeLadder its last arguments.
 */
export function engines({ ladder, without, builds, binaries, prototype, prototypeLadder }) {
  const entries = ladder.map((crypto) => ours(oursName(crypto), crypto === 'default' ? {} : { crypto }));
  for (const tricks of without) entries.push(ours(withoutName(tricks), { avoid: tricks.split('+') }));
  for (const [name, build] of builds) {
    entries.push(wireguard(name, () => [wirepathEnd({ build }), wirepathEnd({ build })]));
  }
  entries.push(wireguard(REFERENCE, () => [wireguardGoEnd(), wireguardGoEnd()]));
  for (const [name, program] of binaries) {
    entries.push(wireguard(name, () => [wireguardGoEnd({ program }), wireguardGoEnd({ program })]));
  }
  entries.push(wireguard(`${OURS} to ${REFERENCE}`, () => [wirepathEnd(), wireguardGoEnd()]));
  entries.push(wireguard(`${REFERENCE} to ${OURS}`, () => [wireguardGoEnd(), wirepathEnd()]));
  if (present('nebula') && present('nebula-cert')) entries.push({ name: 'Nebula', join: joinByNebula });
  if (prototype !== undefined) {
    for (const crypto of prototypeLadder) {
      entries.push({ name: prototypeName(crypto), join: (lab) => joinByPrototype(lab, prototype, crypto) });
    }
  }
  return entries;
}

/** @returns what keeps tunnels between namespaces from being measured. */
export function lackingForTunnels() {
  if (process.platform !== 'linux' || process.getuid() !== 0) return 'needs root on Linux';
  const missing = ['ip', 'ss', 'iperf3', 'wireguard-go', 'wg', 'ping'].filter((program) => !present(program));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}
