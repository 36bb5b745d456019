import { roomForConnections } from '@wirepath/core/plugin';
import type { ServerLimits } from '../protocol/server-limits.js';

/**
 * Limits that a process with so many files can keep. Past its files the kernel's answer is the same for everybody, and
 * nobody could be let in at the cost of whoever has the most.
 */
export function limitsWithin(limits: ServerLimits, openFiles: number | undefined): ServerLimits {
  if (openFiles === undefined) return limits;
  const room = roomForConnections(openFiles);
  const maxHandshakes = Math.min(limits.maxHandshakes, Math.ceil(room / 8));
  const maxUnproven = Math.min(limits.maxUnproven, Math.ceil(room / 8));
  const maxClosing = Math.min(limits.maxClosing, Math.ceil(room / 16));
  const maxClients = Math.min(limits.maxClients, room - maxHandshakes - maxUnproven - maxClosing);
  return { ...limits, maxHandshakes, maxUnproven, maxClosing, maxClients };
}
