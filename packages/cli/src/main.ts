import { createCommand } from './command.js';
import { wirepath } from './product.js';

/** What is left open after a command is a fault; it must not keep a terminal hanging. */
const LINGER_MS = 2000;

/** The `wirepath` command. @param argv as `process.argv`. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await createCommand(wirepath)(argv);
  setTimeout(() => process.exit(), LINGER_MS).unref();
}
