/**
 * The command of a wirepath product. `wirepath` itself is made with it; a vendor's product gets every command under its
 * own name:
 *
 * ```ts
 * import { createCommand } from '@wirepath/cli';
 * import { defineProduct } from '@wirepath/core';
 *
 * const product = defineProduct({
 *   name: 'acme-mesh',
 *   version: '1.0.0',
 *   plugins: { '@acme/transport': () => import('@acme/transport') },
 *   defaultPlugins: ['@acme/transport'],
 *   serverPlugins: [],
 * });
 * process.exitCode = await createCommand(product)(process.argv);
 * ```
 *
 * @packageDocumentation
 */
export { createCommand, type RunCommand } from './command.js';
export { processTerminal, type Output, type Terminal } from './terminal/terminal.js';
export { wirepath } from './product.js';
export { main } from './main.js';
