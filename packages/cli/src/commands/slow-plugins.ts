import type { PhaseInProgress } from '@wirepath/core';
import { waitingLine } from '../node/starting-status.js';
import { printable } from '@wirepath/core/plugin';
import type { CommandContext } from './definition.js';

/** Says on stderr whose code is waited for: there may be no log yet, and a terminal that says nothing looks dead. */
export function slowPhaseTo({ product, terminal }: CommandContext): (phase: PhaseInProgress) => void {
  return (phase) =>
    terminal.err.write(`${product.name}: ${printable(waitingLine(phase, Date.now()))} (Ctrl-C stops)\n`);
}
