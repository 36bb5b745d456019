import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createCommand } from '../src/command.js';
import { commandsDocument } from '../src/commands-doc.js';
import { COMMANDS } from '../src/commands/all.js';
import { wirepath } from '../src/product.js';
import { product } from './fixtures.js';
import { memoryTerminal } from './memory-terminal.js';

async function run(...args: string[]) {
  const terminal = memoryTerminal();
  const exitCode = await createCommand(product, terminal)(['node', 'acme-mesh', ...args]);
  return { exitCode, out: terminal.outText(), err: terminal.errText() };
}

describe('createCommand', () => {
  it.each([
    [[], 'Usage: acme-mesh'],
    [['--config', 'a.yaml', 'status'], 'Options of a command stand after it.'],
    [['statu'], '(Did you mean status?)'],
    [['status', '--jsn'], '(Did you mean --json?)'],
    [['ping'], "acme-mesh: missing required argument 'peer'"],
    [['ping', 'b', '-c', 'many'], 'Expected a whole number from 1.'],
    [['ping', 'b', '-c', '0'], 'Expected a whole number from 1.'],
    [['genkey', 'extra'], 'acme-mesh: too many arguments'],
  ])('%j is bad usage: exit code 2 and help on stderr', async (args, message) => {
    const { exitCode, out, err } = await run(...args);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain(message);
  });

  it.each(COMMANDS.filter(({ needsPlugins }) => needsPlugins === undefined).map(({ name }) => name))(
    '%s --help has examples and exits with 0',
    async (name) => {
      const { exitCode, out } = await run(name, '--help');
      expect(exitCode).toBe(0);
      expect(out).toContain(`Examples:\n  acme-mesh ${name}`);
    },
  );

  it.each([['--version'], ['-V'], ['version']])('prints the version of the product: %s', async (word) => {
    expect(await run(word)).toEqual({ exitCode: 0, out: '1.2.3\n', err: '' });
  });

  it.each([
    [['help'], ['--help']],
    [['-h'], ['--help']],
    [
      ['help', 'status'],
      ['status', '--help'],
    ],
    [
      ['status', '-h'],
      ['status', '--help'],
    ],
  ])('%j is another way to ask for %j', async (words, usual) => {
    expect(await run(...words)).toEqual(await run(...usual));
    expect((await run(...words)).out).toContain('Examples:');
  });

  it('a vendor’s help names neither us nor a command that lacks its plugins', async () => {
    const helps = await Promise.all(COMMANDS.map(({ name }) => run(name, '--help')));
    const texts = [await run('--help'), ...helps].map(({ out, err }) => out + err).join('');
    expect(texts).toContain('https://acme.example/mesh');
    expect(texts).not.toMatch(/wirepath/i);
    expect((await run('demo')).err).toContain("unknown command 'demo'");
  });
});

describe('docs/commands.md', () => {
  it('is what the command line says (else: node scripts/generate-docs.mjs)', async () => {
    const written = await readFile(new URL('../../../docs/commands.md', import.meta.url), 'utf8');
    expect(written).toBe(commandsDocument(wirepath));
  });
});
