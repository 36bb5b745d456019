import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CodedError } from '../../base/errors/coded-error.js';
import type { ConfigFiles } from '../../contracts/plugin/needs.js';
import type { OptionProblem } from '../../contracts/plugin/server-part.js';

export interface TlsFiles {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
}

const DAY_MS = 86_400_000;
/** Those who renew by themselves do it a month before; who has not by then has forgotten. */
const WARN_BEFORE_MS = 14 * DAY_MS;

/** @throws CodedError CONFIG where one cannot be read or used, they do not belong together, or others may write the key. */
export async function readTlsFiles(files: ConfigFiles, { certFile, keyFile }: TlsOptions): Promise<TlsFiles> {
  const key = await files.readSecret(keyFile);
  const cert = await readFile(files.resolve(certFile), 'utf8').catch((cause: unknown) => {
    throw new CodedError('CONFIG', 'the certificate cannot be read', { subject: certFile, cause });
  });
  const certificate = understood(() => new X509Certificate(cert), certFile, 'a certificate (PEM)');
  const privateKey = understood(() => createPrivateKey(key), keyFile, 'a private key (PEM)');
  if (!certificate.checkPrivateKey(privateKey)) {
    const subject = files.resolve(keyFile);
    throw new CodedError('CONFIG', `${keyFile} is not the key of ${certFile}`, { subject });
  }
  return { cert, key };
}

/** For whoever checks the configuration: what {@link readTlsFiles} would throw. @param path of the options. */
export async function tlsProblems(
  tls: TlsOptions | null | undefined,
  path: readonly string[],
  files: ConfigFiles,
): Promise<readonly OptionProblem[]> {
  if (tls == null) return [];
  try {
    await readTlsFiles(files, tls);
    return [];
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const expected = 'a certificate and its key, in PEM';
    const { message, advice, rights } = error;
    return [{ path, expected, found: message, suggestion: advice, rights }];
  }
}

/** When a certificate counts. */
export class CertificateDates {
  readonly #file: string;
  readonly #fromMs: number;
  readonly #toMs: number;

  /** @param cert PEM; of a chain its first counts. */
  constructor(file: string, cert: string) {
    const { validFrom, validTo } = new X509Certificate(cert);
    this.#file = file;
    this.#fromMs = Date.parse(validFrom);
    this.#toMs = Date.parse(validTo);
  }

  /** What is wrong with it at that time, or will be soon. @param nowMs Unix ms. */
  problems(nowMs: number): string[] {
    const cure = 'renew it, and send SIGHUP';
    if (nowMs < this.#fromMs)
      return [`${this.#file} is not valid before ${day(this.#fromMs)}: see whether the clock of this machine is right`];
    if (nowMs > this.#toMs)
      return [`${this.#file} has expired on ${day(this.#toMs)}, so no client connects by TLS: ${cure}`];
    return this.#toMs - nowMs < WARN_BEFORE_MS ? [`${this.#file} expires on ${day(this.#toMs)}: ${cure}`] : [];
  }
}

function understood<T>(read: () => T, file: string, what: string): T {
  try {
    return read();
  } catch {
    // Nothing of the cause: it may quote a key.
    throw new CodedError('CONFIG', `${file} is not ${what}`, { subject: file });
  }
}

function day(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10);
}
