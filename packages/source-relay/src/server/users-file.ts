import { CodedError } from '@wirepath/core/plugin';

/**
 * Reads one `name: secret` a line; empty lines and lines that start with `#` are skipped.
 * @throws CodedError CONFIG that names the line, never what stands in it.
 */
export function parseUsersFile(text: string, path: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const [name, secret] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    if (colon < 1 || name === '' || secret === '')
      throw new CodedError('CONFIG', `${path}:${index + 1}: expected "name: secret"`, { subject: path });
    users.set(name, secret);
  }
  return users;
}
