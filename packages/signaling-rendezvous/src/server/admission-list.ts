import { CodedError, type ConfigFiles, type OptionProblem, type PublicKey } from '@wirepath/core/plugin';
import { parseAdmittedKeys } from '../protocol/admitted-keys.js';

/** Who may register, as configured. */
export interface AdmissionOptions {
  readonly allow?: readonly PublicKey[] | undefined;
  readonly allowFile?: string | undefined;
}

const EXPECTED = 'one public key a line, as `wg pubkey` writes it; # begins a comment';
const MAX_PROBLEMS = 20;

/** @returns the keys of both options together; undefined where neither is given: everybody's. @throws CodedError CONFIG */
export async function admittedKeys(
  { allow, allowFile }: AdmissionOptions,
  files: ConfigFiles,
): Promise<ReadonlySet<PublicKey> | undefined> {
  if (allow === undefined && allowFile === undefined) return undefined;
  const keys = new Set(allow);
  if (allowFile === undefined) return keys;
  const parsed = parseAdmittedKeys(await files.readTrusted(allowFile));
  const [line] = parsed.badLines;
  if (line !== undefined) {
    const file = files.resolve(allowFile);
    throw new CodedError('CONFIG', `${file}:${line}: expected ${EXPECTED}`, { subject: file });
  }
  for (const key of parsed.keys) keys.add(key);
  return keys;
}

/** What is wrong with the file, line by line. */
export async function admissionProblems(
  { allowFile }: AdmissionOptions,
  files: ConfigFiles,
): Promise<readonly OptionProblem[]> {
  if (allowFile === undefined) return [];
  const path = ['rendezvous', 'allowFile'];
  const file = files.resolve(allowFile);
  try {
    const { badLines } = parseAdmittedKeys(await files.readTrusted(allowFile));
    return badLines
      .slice(0, MAX_PROBLEMS)
      .map((line) => ({ path, file, line, expected: EXPECTED, found: 'something else' }));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const { message, advice, rights } = error;
    const expected = 'a file of keys that nobody else may change';
    return [{ path, expected, found: message, suggestion: advice, rights }];
  }
}
