import {
  createIdentity,
  EdgeGuard,
  PLUGIN_API_VERSIONS,
  type Contribution,
  type PluginDefinition,
  type PluginNeeds,
} from '@wirepath/core';
import assert from 'node:assert/strict';
import { StaticEgress } from '../fakes/static-egress.js';
import { StaticNode } from '../fakes/static-node.js';
import { StaticOutside } from '../fakes/static-outside.js';
import type { ConformanceCheck } from './conformance-check.js';
import { openedSince, openHandles } from './io-free.js';
import { schemaLibrary } from './schema-library.js';
import { checksFrom, type ConformanceWorld, type SetUp, type CheckRun } from './check-run.js';

export interface PluginSubject {
  /** The default export of the plugin's module. */
  readonly plugin: PluginDefinition;
  /** Options as an rc file would have them. */
  readonly options: unknown;
  /** Where the suite's own do not serve. */
  readonly needs?: Partial<PluginNeeds>;
}

/**
 * The rules of a {@link PluginDefinition}.
 *
 * ```ts
 * import plugin from 'my-plugin';
 * runConformance(pluginConformance(() => ({ plugin, options: { url: 'https://registry.example' } })), it);
 * ```
 */
export function pluginConformance(setUp: SetUp<PluginSubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'has a name, an apiVersion that loads, and says what it provides': async ({ subject: { plugin } }) => {
      assert.ok(typeof plugin.name === 'string' && plugin.name !== '', 'it has no name');
      assert.ok(PLUGIN_API_VERSIONS.includes(plugin.apiVersion), `apiVersion ${plugin.apiVersion} does not load`);
      assert.ok(Array.isArray(plugin.needs), '`needs` is no list');
      assert.ok(plugin.provides.length > 0 || (plugin.serverParts ?? []).length > 0, 'it provides nothing');
      assert.equal(new Set(plugin.provides).size, plugin.provides.length, 'it provides a role twice');
    },
    'takes the options, and refuses keys that it does not know': async ({ subject: { plugin, options } }) => {
      if (plugin.options === undefined)
        return assert.deepEqual(options ?? {}, {}, 'options for a plugin that takes none');
      const schema = plugin.options(await schemaLibrary());
      const parsed = await schema.safeParseAsync(options ?? {});
      assert.ok(parsed.success, `it refuses the options: ${parsed.error?.message}`);
      const extra = { ...(options as object), 'no-such-option': 1 };
      assert.ok(
        !(await schema.safeParseAsync(extra)).success,
        'it takes a key that it does not know: use strictObject',
      );
    },
    'create does no I/O': async (run) => {
      const options = await parsedOptions(run.subject);
      const before = openHandles();
      await create(run, options);
      assert.deepEqual(openedSince(before, openHandles()), [], 'create left something open');
      await run.assertNoTimers();
    },
    'create gives what the definition says, and nothing else': async (run) => {
      const contribution = await create(run);
      const given = Object.entries(contribution).flatMap(([role, value]) => (value === undefined ? [] : [role]));
      assert.deepEqual(given.sort(), [...run.subject.plugin.provides].sort());
    },
    'two instances share nothing': async (run) => {
      const [first, second] = [await create(run), await create(run)];
      for (const role of run.subject.plugin.provides)
        assert.notEqual(first[role], second[role], `both have the same ${role}`);
    },
    'server parts name their sections, and refuse keys that they do not know': async ({ subject: { plugin } }) => {
      for (const part of plugin.serverParts ?? []) {
        assert.ok(part.sections.length > 0, 'a server part without a section');
        const schema = part.options(await schemaLibrary());
        assert.ok(!(await schema.safeParseAsync({ 'no-such-section': {} })).success, 'it takes an unknown section');
      }
    },
  });
}

/** Creates the plugin with exactly what it names in `needs`: asking for more is a failure. */
async function create(run: CheckRun<PluginSubject>, parsed?: unknown): Promise<Contribution> {
  const { plugin, needs } = run.subject;
  const all: PluginNeeds = { ...standardNeeds(run.world), ...needs };
  const handed = new Proxy(Object.fromEntries(plugin.needs.map((key) => [key, all[key]])), {
    get(target, key) {
      assert.ok(
        typeof key === 'symbol' || Object.hasOwn(target, key),
        `create asks for ${String(key)}, which it does not name in needs`,
      );
      return Reflect.get(target, key) as unknown;
    },
  });
  const options = parsed ?? (await parsedOptions(run.subject));
  return run.within(Promise.resolve(plugin.create(handed as unknown as PluginNeeds, options as never)), 'create');
}

/** Frozen, as the core hands them over. */
async function parsedOptions({ plugin, options }: PluginSubject): Promise<unknown> {
  if (plugin.options === undefined) return Object.freeze({});
  return Object.freeze(await plugin.options(await schemaLibrary()).parseAsync(options ?? {}));
}

function standardNeeds({ clock, logger, random }: ConformanceWorld): PluginNeeds {
  return {
    clock,
    guard: EdgeGuard.create('conformance', { clock, logger }),
    logger,
    random,
    identity: createIdentity(random.bytes(32)),
    node: { interfaceName: 'conformance0', addresses: ['10.77.0.1/24'], mtu: 1420 },
    files: { resolve: (path) => `/nonexistent/${path}`, readSecret: async () => 'secret', readTrusted: async () => '' },
    product: { name: 'conformance', runtimeFolder: '/nonexistent' },
    outside: new StaticOutside(),
    ...new StaticNode().needs(),
    egress: new StaticEgress([]),
  };
}
