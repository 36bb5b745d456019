import { formatKey, generatePrivateKey } from '@wirepath/core';
import { spawnSync } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'wirepath-authors-')));
  await writeFile(join(folder, 'a.key'), `${formatKey(generatePrivateKey())}\n`, { mode: 0o600 });
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', env: { ...process.env, XDG_RUNTIME_DIR: folder } });

/** An rc file with this plugin, in a Node of its own: a test runner imports modules in its own way. */
async function write(name: string, code: string, more: object = {}): Promise<string> {
  await writeFile(join(folder, name), code, { mode: 0o644 });
  const rc = join(folder, 'a.json');
  const plugins = [`./${name}`, ['@wirepath/transport-wg', { tun: false }]];
  await writeFile(rc, JSON.stringify({ privateKeyFile: './a.key', interface: 'wpa', plugins, ...more }), {
    mode: 0o600,
  });
  return rc;
}

interface Problem {
  readonly plugin?: string;
  readonly keyPath: string;
  readonly found?: string;
  readonly suggestion?: string;
  readonly stack?: string;
}

const problemsOf = (rc: string): readonly Problem[] =>
  (JSON.parse(run('check-config', '--json', '--config', rc).stdout) as { problems: Problem[] }).problems;

describe('a plugin that cannot be imported says what is wrong and where', () => {
  it.each<[string, string, string, RegExp, RegExp | undefined]>([
    [
      'a syntax error',
      'p.mjs',
      'export default {\n  name: (\n};\n',
      /^a syntax error at .*\/p\.mjs:3: Unexpected token/,
      undefined,
    ],
    [
      'a syntax error in CommonJS',
      'p.cjs',
      '\nconst x = (;',
      /^a syntax error at .*\/p\.cjs:2: Unexpected token/,
      undefined,
    ],
    ['an error of its own', 'p.mjs', '\nnull.x;', /^an error at .*\/p\.mjs:2:6: Cannot read prop/, undefined],
    ['text thrown', 'p.mjs', "throw 'no luck';", /^an error: no luck/, undefined],
    [
      'a dependency that is not there',
      'p.mjs',
      "import 'some-dep/sub';",
      /^the plugin, but not "some-dep(\/sub)?", which .*p\.mjs imports/,
      /npm install some-dep$/,
    ],
    [
      'one of CommonJS',
      'p.cjs',
      "require('@acme/dep');",
      /^the plugin, but not "@acme\/dep", which .*p\.cjs imports/,
      /npm install @acme\/dep$/,
    ],
    [
      'a file that is not there',
      'p.mjs',
      "import './none.mjs';",
      /^the plugin, but not ".*none\.mjs", which .*p\.mjs imports/,
      /path of the import/,
    ],
    ['require in an ES module', 'p.mjs', "require('fs');", /p\.mjs:1:1: require is not defined/, /name the file \.cjs/],
    ['import in CommonJS', 'p.cjs', "import 'fs';", /p\.cjs:1: Cannot use import/, /name the file \.mjs/],
    [
      'an export that is not there',
      'p.mjs',
      "import { nope } from 'node:fs';",
      /p\.mjs:1: .*does not provide/,
      /another version/,
    ],
    ['a file of another kind', 'p.txt', 'x', /Unknown file extension/, /JavaScript file/],
    [
      'TypeScript that this Node does not run',
      'p.ts',
      'enum A { B }\nexport default A;',
      /./,
      /compile it to JavaScript/,
    ],
  ])('%s', async (_, name, code, found, suggestion) => {
    const [problem] = problemsOf(await write(name, code));
    expect(problem).toMatchObject({ keyPath: 'plugins[0]', plugin: `./${name}`, found: expect.stringMatching(found) });
    if (suggestion !== undefined) expect(problem?.suggestion).toMatch(suggestion);
    expect(problem?.stack).toBeUndefined();
  });
});

describe('at log.level debug', () => {
  const debug = { log: { level: 'debug' } };
  const failing = "throw new Error('outer', { cause: new Error('inner') })";

  it('the stack of an import comes along, with the cause', async () => {
    const { stderr } = run('check-config', '--config', await write('p.mjs', `${failing};`, debug));
    expect(stderr).toContain('p.mjs:1:7');
    expect(stderr).toContain('caused by: Error: inner');
  });

  it.each([
    ['create', `create: () => { ${failing}; }`],
    ['create, later', `create: async () => { ${failing}; }`],
  ])('the stack of %s is in the log, to the line in the plugin', async (_, create) => {
    const code = `export default { name: 'p', apiVersion: 1, needs: [], provides: ['candidateSource'],\n ${create} };`;
    const { stdout, status } = run('up', '--config', await write('p.mjs', code, debug));
    expect(status).toBe(1);
    const line = stdout.split('\n').find((text) => text.includes('stack of the error')) ?? '{}';
    const { stack } = JSON.parse(line) as { stack: string };
    expect(stack).toContain('p.mjs:2:');
    expect(stack).toContain('caused by: Error: inner');
  });
});
