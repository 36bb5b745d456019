import { CommandError } from '../control/failure.js';

export async function demo(): Promise<number> {
  throw new CommandError('NOT_BUILT', 'the demo is not built yet');
}
