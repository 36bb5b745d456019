import type { Product } from '@wirepath/core';
import type { CommandTerminal } from '../terminal/terminal.js';

/** What every command is handed. */
export interface CommandContext {
  readonly product: Product;
  readonly terminal: CommandTerminal;
}

/** @returns the exit code. Throws CodedErrors (or what looks like one) for what should be one line. */
export type CommandAction<O, A extends readonly string[]> = (
  context: CommandContext,
  options: O,
  ...args: A
) => Promise<number>;

export interface OptionDefinition {
  /** As commander writes them: `--config <file>`. */
  readonly flags: string;
  readonly description: string;
  /** Checks and converts; throws an Error whose message names what was expected. */
  readonly parse?: (text: string) => unknown;
  readonly defaultValue?: unknown;
}

export interface CommandDefinition {
  readonly name: string;
  /** As commander writes them: `<peer>`. */
  readonly arguments: readonly { readonly name: string; readonly description: string }[];
  readonly summary: string;
  /** What the summary leaves out; `{name}` stands for the product's name. */
  readonly details?: string;
  readonly options: readonly OptionDefinition[];
  /** Without the product's name in front. */
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  /** Plugins without which the product does not offer the command. */
  readonly needsPlugins?: readonly string[];
  /** Imported when the command runs: starting `status` must not load what `up` needs. */
  readonly load: () => Promise<CommandAction<unknown, string[]>>;
}

/** Ties the types of an action to its definition; commander's parsed options have no types of their own. */
export function defineCommand<O, A extends readonly string[]>(
  definition: Omit<CommandDefinition, 'load'> & { load: () => Promise<CommandAction<O, A>> },
): CommandDefinition {
  return definition as unknown as CommandDefinition;
}
