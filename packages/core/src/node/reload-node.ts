import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig, LoadedNode, LoadedPlugin } from '../assembly/loaded-config.js';
import type { Contribution } from '../contracts/plugin/plugin.js';
import type { NatTraversal } from '../shell/nat-traversal.js';
import { reasonOf } from '../base/errors/reason-of.js';
import type { Logger } from '../base/logging/logger.js';

/** What runs, as far as an rc file that was read again can change it; peers apart. */
export interface ReloadTarget {
  readonly traversal: Pick<NatTraversal, 'configure' | 'renewRelays'>;
  readonly contributions: readonly { readonly plugin: string; readonly contribution: Contribution }[];
  readonly logger: Logger;
}

/**
 * Takes over what can be taken without harm, and knows what a node runs on: what was not taken is told again at the next
 * reading, until it is undone or the node restarts.
 */
export class NodeReload {
  readonly #running: LoadedConfig;
  readonly #target: ReloadTarget;
  /** Options that a plugin has taken, by its name; before the first, those that it was created with. */
  readonly #taken = new Map<string, unknown>();

  constructor(running: LoadedConfig, target: ReloadTarget) {
    this.#running = running;
    this.#target = target;
  }

  /** @returns what takes a restart, a clause each: names, never values, for some are secrets. */
  take(read: LoadedConfig): string[] {
    const [before, after] = [this.#running.node, read.node];
    if (before === undefined || after === undefined) return [];
    this.#target.traversal.configure(after.traversal);
    return [...settingChanges(before, after), ...this.#plugins(read.plugins)];
  }

  #plugins(read: readonly LoadedPlugin[]): string[] {
    const running = new Map(this.#running.plugins.map((plugin) => [plugin.name, plugin]));
    const names = new Set(read.map(({ name }) => name));
    const gone = [...running.keys()].filter((name) => !names.has(name)).map((name) => `the plugin ${name} is gone`);
    return [
      ...read.flatMap((plugin) => {
        const before = running.get(plugin.name);
        return before === undefined ? [`the plugin ${plugin.name} is new`] : this.#options(before, plugin);
      }),
      ...gone,
    ];
  }

  #options({ name, options: created }: LoadedPlugin, { options }: LoadedPlugin): string[] {
    const current = this.#taken.has(name) ? this.#taken.get(name) : created;
    if (isDeepStrictEqual(current, options)) return [];
    const contribution = this.#target.contributions.find(({ plugin }) => plugin === name)?.contribution;
    const { candidateSource, relay, signaling, service } = contribution ?? {};
    const able = [candidateSource, relay, signaling, service].filter((instance) => instance?.reload !== undefined);
    if (able.length === 0) return [`options of the plugin ${name} have changed`];
    try {
      const untaken = able.flatMap((instance) => instance?.reload?.(options) ?? []);
      this.#taken.set(name, options);
      if (relay !== undefined) this.#target.traversal.renewRelays();
      this.#target.logger.info('options of a plugin were taken over', { plugin: name });
      return untaken.map((clause) => `${name}: ${clause}`);
    } catch (error) {
      return [`options of the plugin ${name} were not taken (${reasonOf(error)})`];
    }
  }
}

function settingChanges(before: LoadedNode, after: LoadedNode): string[] {
  const settings = [
    ['privateKeyFile', before.identity.publicKey, after.identity.publicKey],
    ['interface', before.settings.interfaceName, after.settings.interfaceName],
    ['addresses', before.settings.addresses, after.settings.addresses],
    ['mtu', before.settings.mtu, after.settings.mtu],
    ['traversal.enabled', before.traversal.enabled, after.traversal.enabled],
    ['traversal.remember', before.remember, after.remember],
  ] as const;
  return settings.filter(([, old, now]) => !isDeepStrictEqual(old, now)).map(([key]) => `${key} has changed`);
}
