import { CodedError } from '@wirepath/core/plugin';
import type { Sockets } from './sockets.js';

/**
 * Opens the shared sockets at the configured port; where any will do, at the one that they had before, so that NATs and peers
 * find everything as it was, or at any other if that is taken.
 * @param configured 0: any.
 * @throws as {@link Sockets.open}.
 */
export async function openPreferring(
  sockets: Pick<Sockets, 'open'>,
  { configured, preferred, signal }: { configured: number; preferred: number | undefined; signal: AbortSignal },
): Promise<void> {
  if (configured !== 0 || preferred === undefined) return sockets.open(configured, signal);
  try {
    await sockets.open(preferred, signal);
  } catch (error) {
    const isTaken = error instanceof CodedError && ['ADDRESS_IN_USE', 'PERMISSION_DENIED'].includes(error.code);
    if (!isTaken) throw error;
    await sockets.open(0, signal);
  }
}
