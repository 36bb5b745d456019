import { describe, expect, it } from 'vitest';
import { PEER_KEY, PRIVATE_KEY, problemsOf, RcFolder } from '../rc-folder.js';

describe('a key with more around it than itself says what', () => {
  const inTwo = (key: string) => `${key.slice(0, 20)}\n${key.slice(20)}`;
  const pasted: readonly [(key: string) => string, string][] = [
    [inTwo, 'a key with white space in it'],
    [(key) => `"${key}"`, 'a key in quotes'],
    [(key) => `PrivateKey = ${key}`, 'a key with its name and `=` before it'],
  ];

  it.each([...pasted, [(key: string) => key.slice(1), 'another text'], [() => '', 'nothing']] as const)(
    'in a file (%#): %s',
    async (paste, what) => {
      const folder = new RcFolder({ 'rc.yaml': 'privateKeyFile: ./pasted.key' });
      const file = folder.write('pasted.key', `${paste(PRIVATE_KEY)}\n`, 0o600);
      expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([{ found: `${what} in ${file}` }]);
    },
  );

  it.each([...pasted, [(key: string) => ` ${key} `, 'a key with white space in it']] as const)(
    'in the rc file (%#): %s',
    async (paste, found) => {
      const peers = [{ name: 'b', publicKey: paste(PEER_KEY), presharedKey: paste(PRIVATE_KEY) }];
      const folder = new RcFolder({ 'rc.json': JSON.stringify({ privateKeyFile: './private.key', peers }) });
      const problems = await problemsOf(folder.load('rc.json'));
      expect(problems).toMatchObject([{ found }, { found }]);
      expect(JSON.stringify(problems)).not.toContain(PRIVATE_KEY.slice(0, 20));
    },
  );
});
