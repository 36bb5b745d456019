import { createHash } from 'node:crypto';

/** Of the whole, a share that a seed chooses: `MUTATE_SAMPLE=7/20 npm run mutate -- --force` is a fifth of all mutants. */
export function sampleOf(variable) {
  const [seed, percent] = (variable ?? '0/100').split('/');
  return {
    percent: Number(percent),
    has: ({ id }) => (createHash('sha256').update(`${seed} ${id}`).digest().readUInt32BE(0) / 2 ** 32) * 100 < percent,
  };
}
