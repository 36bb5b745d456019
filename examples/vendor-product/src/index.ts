/**
 * The `acmenet` command: every command of wirepath under a vendor's name.
 *
 * @packageDocumentation
 */
import { createCommand, type RunCommand, type Terminal } from '@wirepath/cli';
import { acmenet } from './product.js';

export { acmenet };

export const command = (terminal?: Terminal): RunCommand => createCommand(acmenet, terminal);
