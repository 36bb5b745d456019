import type { Product } from '@wirepath/core';
import { reasonOf } from '@wirepath/core/plugin';
import { Command, InvalidArgumentError, Option } from 'commander';
import { COMMANDS } from './commands/all.js';
import type { CommandDefinition } from './commands/definition.js';

export interface ProgramOptions {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly run: (
    command: CommandDefinition,
    options: Readonly<Record<string, unknown>>,
    args: readonly string[],
  ) => Promise<void>;
}

type Named = Pick<Product, 'name' | 'version' | 'homepage' | 'plugins'>;

/** The command line as commander knows it; nothing is run or loaded here, so that docs can be made from it. */
export function buildProgram(product: Named, { out, err, run }: ProgramOptions): Command {
  const { name } = product;
  const program = new Command(name)
    .description('finds the best path between WireGuard peers behind any NAT, and keeps it there')
    .version(product.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print this help, or that of a command')
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(text.replace(/^error: /, `${name}: `)),
    })
    .showHelpAfterError(`Run \`${name} --help\` to see what there is. Options of a command stand after it.`);

  for (const definition of commandsOf(product)) program.addCommand(buildCommand(program, name, definition, run));
  // Of those who type what other programs call it; `--help` names one way.
  program
    .command('version', { hidden: true })
    .helpOption(false)
    .action(() => out(`${product.version}\n`));

  const help = product.homepage === undefined ? '' : `\n\nHelp: ${product.homepage}`;
  program.addHelpText('after', `\nExamples:\n${examplesText(name, firstExamples(product))}${help}`);
  return program;
}

/** The commands that this product offers. */
export function commandsOf({ plugins }: Pick<Product, 'plugins'>): CommandDefinition[] {
  return COMMANDS.filter(({ needsPlugins = [] }) => needsPlugins.every((plugin) => plugin in plugins));
}

function buildCommand(
  program: Command,
  productName: string,
  definition: CommandDefinition,
  run: ProgramOptions['run'],
): Command {
  const command = program.createCommand(definition.name).copyInheritedSettings(program);
  command.summary(definition.summary).description(sentences(definition));
  command.helpOption('-h, --help', 'print this help');
  command.showHelpAfterError(`Run \`${productName} ${definition.name} --help\` to see what it takes.`);
  for (const { name, description } of definition.arguments) command.argument(name, description);
  for (const { flags, description, parse, defaultValue } of definition.options) {
    const option = new Option(flags, description);
    if (defaultValue !== undefined) option.default(defaultValue);
    if (parse !== undefined) option.argParser((text) => parseOption(parse, text));
    command.addOption(option);
  }
  command.addHelpText('after', `\nExamples:\n${examplesText(productName, definition.examples)}`);
  command.action(async () => {
    await run(definition, command.opts(), command.args);
  });
  return command;
}

function parseOption(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`Expected ${reasonOf(error)}.`);
  }
}

function sentences({ summary, details }: CommandDefinition): string {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return details === undefined ? sentence : `${sentence}\n\n${details}`;
}

function firstExamples(product: Named): CommandDefinition['examples'] {
  return commandsOf(product).flatMap(({ examples }) => examples.slice(0, 1));
}

function examplesText(productName: string, examples: CommandDefinition['examples']): string {
  const lines = examples.map(({ line, does }) => [`${productName} ${line}`, does] as const);
  const width = Math.max(...lines.map(([line]) => line.length));
  return lines.map(([line, does]) => `  ${line.padEnd(width)}  # ${does}`).join('\n');
}
