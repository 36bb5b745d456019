import { findLabs } from '../standing-labs.js';

export async function list(): Promise<number> {
  const labs = await findLabs();
  if (labs.length === 0) process.stdout.write('no lab stands\n');
  for (const { id, folder, standing, ownerAlive, pid, sites } of labs) {
    const state = standing ? 'standing' : ownerAlive ? `of process ${pid}` : 'left over';
    const kinds = Object.entries(sites).map(([name, site]) => `${name}: ${JSON.stringify(site).replaceAll('"', '')}`);
    process.stdout.write(`${id}  ${state}  ${kinds.join(', ')}  ${folder}\n`);
  }
  return 0;
}
