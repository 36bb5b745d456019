import { CodedError, type ConfigFiles } from '@wirepath/core/plugin';
import { readFile } from 'node:fs/promises';
import type { TlsFiles } from './http-front.js';

/** @throws CodedError CONFIG where one cannot be read, or others may write the key. */
export async function readTlsFiles(
  files: ConfigFiles,
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
): Promise<TlsFiles> {
  const key = await files.readSecret(keyFile);
  try {
    return { cert: await readFile(files.resolve(certFile), 'utf8'), key };
  } catch (cause) {
    throw new CodedError('CONFIG', 'rendezvous: the certificate cannot be read', { subject: certFile, cause });
  }
}
