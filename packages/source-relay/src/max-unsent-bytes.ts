/** What the kernel keeps of a stream beyond what is on its way: a few bursts, and on a link of 10 Mbit/s a tenth of a second. */
export const MAX_UNSENT_BYTES = 128 * 1024;
