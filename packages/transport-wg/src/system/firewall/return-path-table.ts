import type { Chain } from '@wirepath/linux';
import { mark, marked, notInBy, rule, type Mark } from './rules.js';

/** Where packets get their marks: after connections are known (-200), before routes are looked up and others filter. */
const MANGLE = -150;

/**
 * Chains that give what comes back on our own connections our mark, as wg-quick does: a strict reverse path check looks the
 * sender up as if it were to be answered, and without the mark the answer would go through the tunnel.
 * @param note kept with them, for whoever reads them back.
 */
export function returnPathChains(own: Mark, interfaceName: string, note?: string): Chain[] {
  return [
    {
      name: 'save',
      hook: { at: 'postrouting', priority: MANGLE },
      rules: [rule(note, marked('packet', own), mark('connection', own))],
    },
    {
      name: 'restore',
      hook: { at: 'prerouting', priority: MANGLE },
      rules: [rule('our own', notInBy(interfaceName), marked('connection', own), mark('packet', own))],
    },
  ];
}
