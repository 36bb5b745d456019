import type { Product } from '@wirepath/core';
import { escapeUnprintable } from '@wirepath/core/plugin';
import { CommanderError } from 'commander';
import { toFailure } from './control/failure.js';
import { errorText, EXIT_DONE, EXIT_USAGE, exitCodeOf } from './wording/error-line.js';
import { buildProgram } from './program.js';
import { processTerminal, safeTerminal, type Terminal } from './terminal/terminal.js';

/** @param argv as `process.argv`. @returns the exit code: 0 done, 1 failed, 2 bad usage or configuration. Never throws. */
export type RunCommand = (argv: readonly string[]) => Promise<number>;

/**
 * The whole command of a product, under the product's own name.
 *
 * ```ts
 * import { createCommand } from '@wirepath/cli';
 * import { defineProduct } from '@wirepath/core';
 *
 * const acmeMesh = defineProduct({ name: 'acme-mesh', version: '1.0.0', ... });
 * process.exitCode = await createCommand(acmeMesh)(process.argv);
 * ```
 */
export function createCommand(product: Product, surroundings: Terminal = processTerminal()): RunCommand {
  const terminal = safeTerminal(surroundings);
  return async (argv) => {
    let exitCode = EXIT_DONE;
    const program = buildProgram(product, {
      // commander repeats the arguments, and has no colours.
      out: (text) => terminal.out.write(escapeUnprintable(text)),
      err: (text) => terminal.err.write(escapeUnprintable(text)),
      run: async (definition, options, args) => {
        try {
          const action = await definition.load();
          exitCode = await action({ product, terminal }, options, ...args);
        } catch (error) {
          exitCode = exitCodeOf(error);
          // With --json, stdout is exactly one document, whatever happens.
          if (options.json === true) terminal.out.write(`${JSON.stringify({ error: toFailure(error) }, null, 2)}\n`);
          terminal.err.write(errorText(product.name, error));
        }
      },
    });
    try {
      await program.parseAsync([...argv]);
    } catch (error) {
      // commander has printed it already; its own codes are 0 (help, version) and 1 (usage).
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
      terminal.err.write(errorText(product.name, error));
      return exitCodeOf(error);
    }
    return exitCode;
  };
}
