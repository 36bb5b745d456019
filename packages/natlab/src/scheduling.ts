import { writeFileSync } from 'node:fs';

/** Of -20 to 19: nine tenths of a processor against one other busy session, and never all of it. */
const NICENESS = -10;

/**
 * Gives a process that leads its own session the greater share of the processors, so that timings tell of the daemon and
 * not of its neighbours. The kernel's autogroups weigh sessions: niceness within one says nothing to the others. No
 * real-time class: a daemon that spins would take the machine with it.
 */
export function favourSession(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS));
  } catch {
    // A kernel without autogroups, or the process has ended already: then it runs as everything does.
  }
}
