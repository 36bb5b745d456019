import {
  definePlugin,
  defineServerPart,
  type Contribution,
  type Signaling,
  type Transport,
} from '../../../src/plugin.js';
import { defineProduct } from '../../../src/assembly/product/define-product.js';
import type { PluginModule, Product } from '../../../src/assembly/product/product.js';

/** Enough of a transport to be wired; nothing here sends. */
export function idleTransport(options: { ownsSocket?: boolean } = {}): Transport {
  const nothing = () => undefined;
  const task = async () => undefined;
  const subscribe = () => ({ [Symbol.dispose]: nothing });
  const capabilities = { ownsSocket: options.ownsSocket ?? true } as Transport['capabilities'];
  return {
    capabilities,
    datagrams: undefined,
    listenPort: undefined,
    packets: undefined,
    listen: task,
    start: task,
    stop: task,
    addPeer: nothing,
    removePeer: nothing,
    setAllowedIps: nothing,
    setPath: nothing,
    initiateHandshake: nothing,
    stats: () => [],
    onHandshake: subscribe,
    onAuthenticated: subscribe,
    onSent: subscribe,
    onEndpointSuggested: subscribe,
    counters: () => ({}),
  };
}

/** Carries nothing. */
export function idleSignaling(): Signaling {
  const subscribe = () => ({ [Symbol.dispose]: () => undefined });
  return {
    start: async () => undefined,
    stop: async () => undefined,
    publish: () => undefined,
    onMessage: subscribe,
    states: () => [],
    onStateChange: subscribe,
  };
}

export const samplePlugins = {
  '@sample/transport': definePlugin({
    name: '@sample/transport',
    apiVersion: 1,
    options: (z) =>
      z.strictObject({
        mode: z.enum(['embedded', 'uapi']).default('embedded'),
        listenPort: z.number().int().min(0).max(65535).optional(),
      }),
    needs: ['identity', 'node'],
    provides: ['transport'],
    create: (_needs, { mode }) => ({ transport: idleTransport({ ownsSocket: mode === 'embedded' }) }),
  }),
  '@sample/host': definePlugin({
    name: '@sample/host',
    apiVersion: 1,
    needs: [],
    provides: ['candidateSource', 'egress'],
    create: (): Contribution => ({
      candidateSource: { async *gather() {} },
      egress: {
        detect: async () => [],
        bindToDevice: () => undefined,
        watch: () => ({ [Symbol.dispose]: () => undefined }),
      },
    }),
  }),
  '@sample/signal': definePlugin({
    name: '@sample/signal',
    apiVersion: 1,
    needs: [],
    provides: ['signaling'],
    create: () => ({ signaling: idleSignaling() }),
  }),
  '@sample/stun': definePlugin({
    name: '@sample/stun',
    apiVersion: 1,
    options: (z) => z.strictObject({ servers: z.array(z.string()).min(1) }),
    needs: ['egress', 'logger'],
    provides: ['candidateSource'],
    requires: ['datagrams'],
    create: () => ({ candidateSource: { async *gather() {} } }),
  }),
  '@sample/relay': definePlugin({
    name: '@sample/relay',
    apiVersion: 1,
    options: (z) =>
      z.strictObject({
        servers: z.array(
          z.union([
            z.strictObject({ url: z.string(), username: z.string(), credential: z.string() }),
            z.strictObject({ url: z.string(), username: z.string(), credentialFile: z.string() }),
          ]),
        ),
      }),
    needs: ['files'],
    provides: ['relay'],
    create: async ({ files }, { servers }) => {
      for (const server of servers) if ('credentialFile' in server) await files.readSecret(server.credentialFile);
      const relays = servers.map(({ url }) => ({ url, transport: 'udp' as const }));
      return { relay: { servers: relays, allocate: () => Promise.reject(new Error('no relay here')) } };
    },
    serverParts: [
      defineServerPart({
        sections: ['stun', 'turn'],
        options: (z) =>
          z.strictObject({
            stun: z.strictObject({ listen: z.string() }).optional(),
            turn: z.strictObject({ listen: z.string(), users: z.record(z.string(), z.string()) }).optional(),
          }),
        create: (_needs, options) => {
          let current = options;
          return {
            start: async () => undefined,
            stop: async () => undefined,
            describe: () => Object.keys(options),
            status: () => ({ users: Object.keys(current.turn?.users ?? {}) }),
            reload: (next) => (current = next as typeof options),
          };
        },
      }),
    ],
  }),
} satisfies Record<string, PluginModule>;

/** A product with those plugins and any others. */
export function sampleProduct(more: Record<string, PluginModule> = {}, name = 'sample'): Product {
  const plugins = Object.entries<PluginModule>({ ...samplePlugins, ...more });
  return defineProduct({
    name,
    version: '1.2.3',
    plugins: Object.fromEntries(
      plugins.map(([key, plugin]) => [key, async () => ({ default: plugin }) as PluginModule]),
    ),
    defaultPlugins: ['@sample/transport', '@sample/host', '@sample/signal'],
    serverPlugins: ['@sample/relay'],
  });
}
