import { labFolder } from '../lab.js';
import { isLabId } from '../lab-names.js';
import { removeLab } from '../removal.js';
import { findLabs } from '../standing-labs.js';

/** Removes these labs; without any, all but those of running programs. */
export async function down(ids: readonly string[]): Promise<number> {
  const labs = await findLabs();
  const known = new Set(labs.map(({ id }) => id));
  const unknown = ids.filter((id) => !isLabId(id) || !known.has(id));
  if (unknown.length > 0) throw new Error(`there is no lab ${unknown.join(', ')}; \`natlab list\` shows all`);
  const doomed = ids.length > 0 ? ids : labs.filter((lab) => lab.standing || !lab.ownerAlive).map(({ id }) => id);
  for (const id of doomed) {
    await removeLab(id, labFolder(id));
    process.stdout.write(`${id} removed\n`);
  }
  if (doomed.length === 0) process.stdout.write('no lab stands\n');
  return 0;
}
