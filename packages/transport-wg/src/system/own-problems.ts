import type { NetlinkFailure, RoutingRule } from '@wirepath/linux';
import { ipv6Cure } from './network-error.js';
import { entryText, ruleText, type RoutingEntry } from './routing-entry.js';
import type { Fight } from './undoings.js';

/** Sentences about single entries; the rest is counted. */
const TOLD_MAX = 4;

/** What is not as it should be now. */
export interface OwnTroubles {
  readonly interfaceName: string;
  /** In words: why the interface is not there, or cannot be looked at. */
  readonly gone: string | undefined;
  /** Where there are IPv6 addresses or ranges that cannot be. */
  readonly ipv6: 'on' | 'off' | 'absent';
  readonly mtu: number;
  /** Entries that the kernel has refused, and the interface that has such a route. */
  readonly refused: readonly {
    readonly entry: RoutingEntry;
    readonly failure: NetlinkFailure;
    readonly holder?: string | undefined;
  }[];
  /** Changes of the link that the kernel refuses, in words. */
  readonly linkRefused: readonly { readonly what: string; readonly failure: NetlinkFailure }[];
  /** What is undone again and again; the key in words. */
  readonly fights: readonly Fight<string>[];
  readonly now: number;
  /** Rules of others that come before ours and leave us nothing. */
  readonly before: readonly RoutingRule[];
}

/** Each in a sentence with its cure. */
export function ownProblems(troubles: OwnTroubles): string[] {
  const { interfaceName: name, gone, ipv6, refused } = troubles;
  const told = refused.slice(0, TOLD_MAX).map((one) => refusedSentence(name, one));
  const more = refused.length - told.length;
  return [
    ...(gone === undefined ? [] : [gone]),
    ...(ipv6 === 'on' ? [] : [ipv6Sentence(name, ipv6, troubles.mtu)]),
    ...fightSentences(troubles),
    ...troubles.linkRefused.map(({ what, failure }) => `${what} cannot be set: ${failure.reason}`),
    ...told,
    ...(more > 0 ? [`${name}: ${more} more routes or rules could not be set`] : []),
    ...troubles.before.slice(0, TOLD_MAX).map((rule) => beforeSentence(name, rule)),
  ];
}

function ipv6Sentence(name: string, ipv6: 'off' | 'absent', mtu: number): string {
  if (ipv6 === 'off')
    return `IPv6 is switched off for ${name} (disable_ipv6), so its IPv6 addresses and ranges are not set up; the rest works: ${ipv6Cure(name)}`;
  return mtu < 1280
    ? `${name} has an MTU of ${mtu}, and IPv6 needs 1280, so its IPv6 addresses and ranges are not set up: raise mtu in the rc file, or leave them out`
    : `this system has no IPv6, so the IPv6 addresses and ranges of ${name} are not set up: load it (\`modprobe ipv6\`), or leave them out`;
}

function fightSentences({ interfaceName: name, fights, now }: OwnTroubles): string[] {
  const [first, ...others] = [...fights].sort((a, b) => b.times - a.times);
  if (first === undefined) return [];
  const what = others.length === 0 ? first.key : `${first.key} and ${others.length} more`;
  const seconds = Math.max(0, Math.ceil((first.nextTryAt - now) / 1000));
  return [
    `${name}: another program on this machine undoes ${what} as often as it is set (${first.times} times); next try in ${seconds} s: find what manages ${name} besides wirepath (systemd-networkd, NetworkManager, a script) and have it leave ${name} alone`,
  ];
}

function refusedSentence(name: string, { entry, failure, holder }: OwnTroubles['refused'][number]): string {
  const what = entryText(entry, name);
  if (entry.kind !== 'route' || failure.code !== 'EEXIST') return `${what}: the system refuses it: ${failure.reason}`;
  const range = what.split(' ')[1] ?? what;
  const whose = holder === undefined ? 'is another one’s already' : `leads to ${holder} already`;
  const cure =
    holder === undefined ? `\`ip route show ${range}\` says whose` : `\`ip route del ${range} dev ${holder}\``;
  return `the route ${range} ${whose}, so what is meant for it does not enter ${name}: remove that route (${cure}), or the range from allowedIps`;
}

function beforeSentence(name: string, rule: RoutingRule): string {
  const { family, priority } = rule;
  return `a rule that is not ours comes before those of ${name} (ip -${family} rule: ${ruleText(rule)}), so what is meant for the tunnel goes past it: remove it (\`ip -${family} rule del priority ${priority}\`), or give it a priority above 32000`;
}
